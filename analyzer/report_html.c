/* SPDX-License-Identifier: MIT */
/* A report as one self-contained page: no script, nothing fetched, every text escaped. */
#include "analyzer/report.h"

#include <string.h>

static const char style[] =
	":root{color-scheme:light dark}"
	"body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
	"h1{font-size:1.4rem;margin:0 0 .3rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}"
	".why{font-size:1.15rem;font-weight:600;margin:0}.bad .why{color:#c62828}.good .why{color:#2e7d32}"
	".cause{opacity:.7;margin:.2rem 0}p{margin:.4rem 0}"
	"table{border-collapse:collapse}td{padding:.1rem .8rem .1rem 0;vertical-align:top}"
	"td:first-child{white-space:nowrap;opacity:.7;font-variant-numeric:tabular-nums}"
	"pre{overflow-x:auto;background:#8881;padding:.6rem .8rem;border-radius:.3rem;font-size:.85rem;line-height:1.4}"
	"li pre{margin:.3rem 0}summary{font-weight:600;cursor:pointer;margin-top:1.2rem}.line{border-top:1px solid #8886;padding-top:1rem;margin-top:2rem}";

static void escape(FILE *out, const char *s)
{
	for (; *s; s++) {
		switch (*s) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*s, out);
		}
	}
}

static void put(FILE *out, const char *open, const char *text, const char *close)
{
	fputs(open, out);
	escape(out, text);
	fputs(close, out);
}

static const char *const opens[] = {
	[ITEM_TEXT] = "", [ITEM_STEP] = "<ol>\n", [ITEM_FACT] = "<table>\n", [ITEM_CODE] = "<pre>",
	[ITEM_OUTPUT] = "<pre>", [ITEM_PATH] = "<pre>",
};
static const char *const closes[] = {
	[ITEM_TEXT] = "", [ITEM_STEP] = "</ol>\n", [ITEM_FACT] = "</table>\n", [ITEM_CODE] = "</pre>\n",
	[ITEM_OUTPUT] = "</pre>\n", [ITEM_PATH] = "</pre>\n",
};

static void put_item(FILE *out, const struct item *i)
{
	switch (i->kind) {
	case ITEM_TEXT:
		put(out, "<p>", i->text, "</p>\n");
		break;
	case ITEM_STEP:
		put(out, "<li>", i->text, "");
		if (i->command)
			put(out, "<pre>", i->command, "</pre>");
		fputs("</li>\n", out);
		break;
	case ITEM_FACT:
		put(out, "<tr><td>", i->label, "</td><td>");
		put(out, "", i->text, "</td></tr>\n");
		break;
	case ITEM_CODE:
	case ITEM_OUTPUT:
	case ITEM_PATH:
		put(out, "", i->text, "\n");
		break;
	}
}

static void put_section(FILE *out, const struct section *s)
{
	if (s->aside)
		put(out, "<details><summary>", s->title, "</summary>\n");
	else
		put(out, "<section><h2>", s->title, "</h2>\n");
	for (size_t i = 0; i < s->n; i++) {
		if (!i || s->items[i - 1].kind != s->items[i].kind)
			fputs(opens[s->items[i].kind], out);
		put_item(out, &s->items[i]);
		if (i + 1 == s->n || s->items[i + 1].kind != s->items[i].kind)
			fputs(closes[s->items[i].kind], out);
	}
	fputs(s->aside ? "</details>\n" : "</section>\n", out);
}

void report_html(const struct report *r, FILE *out)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n", out);
	put(out, "<title>", r->title, "</title>\n");
	fprintf(out, "<style>%s</style>\n</head>\n<body class=\"%s\">\n", style, r->bad ? "bad" : "good");
	put(out, "<h1>", r->headline, "</h1>\n");
	put(out, "<p class=\"why\">", r->title, "</p>\n");
	put(out, "<p class=\"cause\">", r->cause, ", ");
	put(out, "", r->confidence, "</p>\n");
	for (size_t i = 0; i < r->n; i++) {
		if (r->section[i].expert && !(i && r->section[i - 1].expert))
			fputs("<details><summary class=\"line\">For a bug report, or for whoever knows C</summary>\n", out);
		put_section(out, &r->section[i]);
	}
	if (r->n && r->section[r->n - 1].expert)
		fputs("</details>\n", out);
	fputs("</body>\n</html>\n", out);
}
