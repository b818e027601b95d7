/* SPDX-License-Identifier: MIT */
/*
 * What the verdict says, as sections: why, what to do, the proof, what else was seen. Each thing once:
 * a paragraph that the frames or Python's own traceback tell is left out, and so is what never mattered.
 */
#include "analyzer/report_parts.h"

#include <ctype.h>
#include <string.h>

#include "analyzer/proof.h"

/* Is it said already? Runs of white space count as one space. */
static bool said_in(const char *text, const char *words)
{
	while (*words == ' ' || *words == '\t')
		words++;
	for (const char *p = text; *words && *p; p++) {
		const char *a = p, *b = words;

		while (*a && *b && (*a == *b || (strchr(" \t\n", *a) && strchr(" \t\n", *b)))) {
			const bool space = strchr(" \t\n", *a) != NULL;

			a++;
			b++;
			while (space && *a && strchr(" \t\n", *a))
				a++;
			while (space && *b && strchr(" \t\n", *b))
				b++;
		}
		if (!*b)
			return true;
	}
	return false;
}

bool report_said(const struct report *r, const char *words)
{
	return said_in(r->said ? r->said : "", words) || said_in(r->title, words);
}

/* A paragraph for whoever wrote the cell: "cell 3, line 2" where its file's invented name stands. */
static const char *with_cells(struct report *r, const char *text)
{
	const struct model *m = r->where;
	const char *at = m->cell && m->cell_file && *m->cell_file ? strstr(text, m->cell_file) : NULL;
	const char *rest = at ? at + strlen(m->cell_file) : NULL;
	size_t n;

	if (!at)
		return text;
	n = strncmp(rest, ", line ", 7) == 0 ? 7 : *rest == ':' ? 1 : 0;
	if (!n || rest[n] < '0' || rest[n] > '9')
		return arena_printf(&r->arena, "%.*scell %llu%s", (int)(at - text), text, (unsigned long long)m->cell, rest);
	return arena_printf(&r->arena, "%.*scell %llu, line %s", (int)(at - text), text, (unsigned long long)m->cell, rest + n);
}

/* Where Python was is told by the frames, or by the traceback that it printed. */
static bool told_below(const struct report *r, const char *paragraph)
{
	return *paragraph == TOLD_BY_FRAMES || (*paragraph == TOLD_BY_TRACEBACK && report_traceback(r));
}

static void put_paragraphs(struct report *r, struct section *s, const char *lines)
{
	struct text said = { 0 };

	report_put_lines(r, s, ITEM_TEXT, lines);
	for (size_t i = 0; i < s->n;) {
		struct item *item = &s->items[i];

		if (told_below(r, item->text)) {
			memmove(item, item + 1, (--s->n - i) * sizeof(*item));
			continue;
		}
		item->text = finding_sentence(item->text);
		text_printf(&said, "%s\n", item->text);
		if (strncmp(item->text, "the ", 4) == 0)	/* "the C library" */
			item->text = arena_printf(&r->arena, "T%s", item->text + 1);
		item->text = with_cells(r, item->text);
		i++;
	}
	r->said = arena_text(&r->arena, text_get(&said), said.n);
	text_free(&said);
}

void report_why(struct report *r)
{
	const struct finding *f = &r->v->best;
	const char *series = r->series ? series_words(r->series, r->m, &r->arena) : NULL;
	const char *own;
	struct section *s = report_begin(r, "Why");

	put_paragraphs(r, s, text_get(f->explanation));
	own = r->bad && r->where->ending.kind != END_RUNNING ? report_own_line(r) : NULL;
	if (own) {
		report_put(s, ITEM_TEXT, NULL, "In your own code it was at");
		report_put(s, ITEM_CODE, NULL, own);
	}
	if (series)
		report_put(s, ITEM_TEXT, NULL, series);
	report_end(r);
}

/* One step a line, and behind FIX_COMMAND what is to be typed. */
static void put_steps(struct report *r, struct section *s, const char *lines)
{
	while (lines && *lines) {
		size_t n = strcspn(lines, "\n");
		char *step = arena_text(&r->arena, lines, n), *command = strchr(step, FIX_COMMAND);

		if (command)
			*command++ = '\0';
		if (*step)
			report_put(s, ITEM_STEP, NULL, step);
		if (*step)
			s->items[s->n - 1].command = command;
		lines += n + (lines[n] == '\n');
	}
}

void report_what_to_do(struct report *r)
{
	const struct finding *f = &r->v->best;
	const char *remark = package_remark(r->where, text_get(f->fix));
	struct section *s = report_begin(r, "What to do");

	put_steps(r, s, text_get(f->fix));
	if (remark)
		report_put(s, ITEM_TEXT, NULL, remark);
	if (!s->n && f->rule->advice)
		put_steps(r, s, f->rule->advice);
	report_end(r);
}

void report_proof(struct report *r)
{
	const struct finding *f = &r->v->best;
	struct section *s =
		report_begin(r, f->confidence == PROVEN ? "The proof" : "What this rests on");
	unsigned done = 0;		/* a bit for each piece of evidence */

	s->expert = true;
	/* As it went on: by time, what has the same one in the rule's order. */
	for (unsigned told = 0; told < f->nevidence; told++) {
		const struct evidence *next = NULL;

		for (unsigned i = 0; i < f->nevidence; i++) {
			if (!(done >> i & 1) && (!next || f->evidence[i].time < next->time))
				next = &f->evidence[i];
		}
		done |= 1u << (next - f->evidence);
		report_put(s, ITEM_FACT, report_time(r, next->time + report_later(r)), next->text);
	}
	report_end(r);
}

/* What is looked for without being needed, and other words for the end that the verdict tells of. */
static bool is_noise(const struct finding *f)
{
	static const char *const probes[] = { "load.missing-library", "load.undefined-symbol", "cuda.no-driver", "cuda.no-device",
					      "abi.duplicate-openmp" };

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		if (f->confidence == SEEN && strcmp(f->rule->id, probes[i]) == 0)
			return true;
	}
	return f->confidence != SEEN;
}

void report_also_seen(struct report *r)
{
	struct section *s = report_begin(r, "Also seen, but not the cause");
	const char *unlinked = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < r->v->nalso; i++) {
		const struct finding *f = &r->v->also[i];
		const char *title = f->title ? f->title : f->rule->title;

		if (!is_noise(f) && f->why_not == finding_unlinked)
			unlinked = n++ ? arena_printf(&r->arena, "%s; %s", unlinked, title) : title;
		else if (!is_noise(f))
			report_put(s, ITEM_TEXT, NULL,
				   f->why_not ? arena_printf(&r->arena, "%c%s. Not the cause: %s.", toupper((unsigned char)*title), title + 1,
							     f->why_not) :
						title);
	}
	if (n)
		report_put(s, ITEM_TEXT, NULL, arena_printf(&r->arena, "%s. Nothing links %s to the end.", unlinked, n == 1 ? "it" : "these"));
	report_end(r);
}

/* What also_seen() leaves out, in a line. */
const char *report_noise(struct report *r)
{
	const char *list = NULL;

	for (unsigned i = 0; i < r->v->nalso; i++) {
		const struct finding *f = &r->v->also[i];
		const char *title = f->title ? f->title : f->rule->title;

		if (!is_noise(f))
			continue;
		list = arena_printf(&r->arena, "%s%s%s", list ? list : "", list ? "; " : "",
				    f->confidence == SEEN ? arena_printf(&r->arena, "%s (%s)", title, f->why_not) :
				    arena_printf(&r->arena, "%s, which says less of the same end", f->rule->id));
	}
	return list;
}
