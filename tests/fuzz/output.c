/* SPDX-License-Identifier: MIT */
/*
 * All reports of one trace, in process, into memory, and what may never stand in them: a control
 * character, a sequence for the terminal that is not our own colour, a mark that turns the
 * direction of writing, bytes that are no UTF-8, a tag of HTML that we do not write, JSON that a
 * parser does not take.
 */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "analyzer/dump.h"
#include "analyzer/report.h"

static struct {
	FILE *f;
	char *bytes;
	size_t n;
} out;

static FILE *begin(void)
{
	if (!out.f)
		out.f = open_memstream(&out.bytes, &out.n);
	FUZZ_CHECK(out.f);
	rewind(out.f);
	return out.f;
}

static void end(void)
{
	fflush(out.f);
}

static void refuse(const char *what, const char *bytes, size_t n, size_t at)
{
	size_t from = at > 40 ? at - 40 : 0;

	fprintf(stderr, "%s: byte 0x%02x at %zu may not stand there: …%.*s…\n", what, (unsigned char)bytes[at], at,
		(int)(n - from < 80 ? n - from : 80), bytes + from);
	__builtin_trap();
}

static size_t colour(const char *s, size_t n)
{
	static const char *const ours[] = { "\x1b[1m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[1;34m", "\x1b[2m", "\x1b[0m" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		if (n >= strlen(ours[i]) && memcmp(s, ours[i], strlen(ours[i])) == 0)
			return strlen(ours[i]);
	return 0;
}

void text_check(const char *what, const char *bytes, size_t n, bool colours)
{
	for (size_t i = 0; i < n;) {
		size_t good = (unsigned char)bytes[i] >= 0x20 && (unsigned char)bytes[i] < 0x7f ? 1 : utf8_printable(bytes + i, n - i);

		if (!good && (bytes[i] == '\n' || bytes[i] == '\t'))
			good = 1;
		if (!good && colours)
			good = colour(bytes + i, n - i);
		if (!good)
			refuse(what, bytes, n, i);
		i += good;
	}
}

/* Every '<' begins a tag of ours, and no text has put attributes into one. */
static void html_check(const char *bytes, size_t n)
{
	static const char *const ours[] = {
		"<!DOCTYPE html>", "<html lang=\"en\">", "</html>", "<head>", "</head>", "<meta charset=\"utf-8\">",
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
		"<title>", "</title>", "<style>", "</style>", "<body class=\"bad\">", "<body class=\"good\">", "</body>",
		"<h1>", "</h1>", "<h2>", "</h2>", "<p>", "<p class=\"why\">", "<p class=\"cause\">", "</p>", "<ol>", "</ol>",
		"<li>", "</li>", "<table>", "</table>", "<tr>", "</tr>", "<td>", "</td>", "<pre>", "</pre>", "<details>",
		"</details>", "<summary>", "<summary class=\"line\">", "</summary>", "<section>", "</section>",
	};

	for (const char *p = bytes; (p = memchr(p, '<', n - (size_t)(p - bytes))); p++) {
		bool known = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(*ours) && !known; i++)
			known = strncmp(p, ours[i], strlen(ours[i])) == 0;
		if (!known)
			refuse("html", bytes, n, (size_t)(p - bytes));
	}
}

static void json_texts(const cJSON *j)
{
	for (; j; j = j->next) {
		if (j->string)
			text_check("json name", j->string, strlen(j->string), false);
		if (cJSON_IsString(j))
			text_check("json", j->valuestring, strlen(j->valuestring), false);
		json_texts(j->child);
	}
}

static void json_check(void)
{
	cJSON *j = cJSON_ParseWithLength(out.bytes, out.n);

	FUZZ_CHECK(j);
	json_texts(j);
	cJSON_Delete(j);
}

void reports_check(struct trace *t, bool files, unsigned forms)
{
	const struct look looks[] = { { .colour = true, .width = 80 }, { .colour = false, .width = 43 } };
	struct report r;
	struct subject s = { .v = NULL };
	struct verdict v;

	s.m = s.where = files ? model_build(t) : model_build_plain(t);
	s.v = &v;
	rules_run(s.m, &v);
	report_build(&r, &s);
	if (forms & REPORT_TEXT) {
		const struct look *look = &looks[forms & 1];

		report_text(&r, *look, begin());
		end();
		text_check("text", out.bytes, out.n, look->colour);
	}
	if (forms & REPORT_HTML) {
		report_html(&r, begin());
		end();
		text_check("html", out.bytes, out.n, false);
		html_check(out.bytes, out.n);
	}
	report_free(&r);
	if (forms & REPORT_JSON) {
		report_json(&s, begin());
		end();
		json_check();
	}
	verdict_free(&v);
	model_free((struct model *)s.m);
	if (forms & REPORT_DUMP) {
		dump(t, begin());
		end();
		text_check("dump", out.bytes, out.n, false);
	}
}

unsigned reports_some(const void *bytes, size_t size)
{
	static const unsigned some[] = { REPORT_TEXT, REPORT_TEXT | 1, REPORT_HTML, REPORT_JSON, REPORT_JSON, REPORT_DUMP, REPORT_TEXT, REPORT_ALL };
	const unsigned char *p = bytes;
	uint32_t hash = 0;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * 0x01000193u;
	return some[hash >> 29];
}
