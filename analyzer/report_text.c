/* SPDX-License-Identifier: MIT */
/* A report for a terminal: wrapped to its width, in colour where that is wanted. */
#include "analyzer/report.h"

#include <stdlib.h>
#include <string.h>

#define BOLD	"\x1b[1m"
#define RED	"\x1b[1;31m"
#define GREEN	"\x1b[1;32m"
#define BLUE	"\x1b[1;34m"
#define DIM	"\x1b[2m"
#define PLAIN	"\x1b[0m"

struct page {
	FILE *out;
	struct look look;
};

static void paint(struct page *p, const char *colour)
{
	if (p->look.colour)
		fputs(colour, p->out);
}

/* Characters, not bytes; wide ones count as one. */
static size_t columns(const char *s, size_t bytes)
{
	size_t n = 0;

	for (size_t i = 0; i < bytes; i++)
		n += (s[i] & 0xc0) != 0x80;
	return n;
}

static void spaces(struct page *p, size_t n)
{
	while (n--)
		fputc(' ', p->out);
}

/* Words, wrapped; the cursor stands in column at. A line that begins later is indented. */
static void wrap(struct page *p, const char *s, size_t at, size_t indent)
{
	bool first = true;

	while (*s) {
		size_t bytes, width;

		if (*s == '\n') {
			fputc('\n', p->out);
			spaces(p, indent);
			at = indent;
			first = true;
			s++;
			continue;
		}
		if (*s == ' ' || *s == '\t') {
			s++;
			continue;
		}
		bytes = strcspn(s, " \t\n");
		width = columns(s, bytes);
		if (!first && at + 1 + width > p->look.width) {
			fputc('\n', p->out);
			spaces(p, indent);
			at = indent;
			first = true;
		}
		if (!first) {
			fputc(' ', p->out);
			at++;
		}
		fwrite(s, 1, bytes, p->out);
		at += width;
		first = false;
		s += bytes;
	}
	fputc('\n', p->out);
}

/* A line of code keeps its begin and its end: both matter in a long C++ name. */
static void code(struct page *p, const char *s)
{
	size_t n = strlen(s), room = p->look.width - 4, all = columns(s, n), head = room * 2 / 3, i;

	spaces(p, 4);
	if (all <= room || room < 20) {
		fprintf(p->out, "%s\n", s);
		return;
	}
	for (i = 0; head; i++)
		head -= (s[i + 1] & 0xc0) != 0x80;
	fwrite(s, 1, i, p->out);
	fputs("…", p->out);
	for (i = 0, head = all - (room - room * 2 / 3 - 1); head; i++)
		head -= (s[i + 1] & 0xc0) != 0x80;
	fprintf(p->out, "%s\n", s + i);
}

/* Nothing left out; broken at a space where there is one, for the eye. */
static void output(struct page *p, const char *s)
{
	size_t room = p->look.width - 4;

	do {
		size_t n = 0, bytes = 0, space = 0;

		while (s[bytes] && (n < room || (s[bytes] & 0xc0) == 0x80)) {
			if (s[bytes] == ' ' && n > room / 2)
				space = bytes + 1;
			n += (s[bytes++] & 0xc0) != 0x80;
		}
		if (s[bytes] && space)
			bytes = space;
		spaces(p, 4);
		fprintf(p->out, "%.*s\n", (int)bytes, s);
		s += bytes;
	} while (*s);
}

static void put_item(struct page *p, const struct item *i, size_t label, unsigned step)
{
	size_t n = i->label ? columns(i->label, strlen(i->label)) : 0;

	switch (i->kind) {
	case ITEM_TEXT:
		spaces(p, 2);
		wrap(p, i->text, 2, 2);
		break;
	case ITEM_STEP:
		paint(p, BOLD);
		fprintf(p->out, "  %u. ", step);
		paint(p, PLAIN);
		wrap(p, i->text, 5, 5);
		break;
	case ITEM_FACT:
		spaces(p, 2);
		paint(p, DIM);
		fputs(i->label, p->out);
		paint(p, PLAIN);
		spaces(p, n < label ? label - n + 2 : 2);
		wrap(p, i->text, 4 + (n < label ? label : n), 4 + label);
		break;
	case ITEM_CODE:
		code(p, i->text);
		break;
	case ITEM_OUTPUT:
		output(p, i->text);
		break;
	case ITEM_PATH:
		spaces(p, 4);
		fprintf(p->out, "%s\n", i->text);
		break;
	}
	if (i->command) {
		spaces(p, 7);
		paint(p, BOLD);
		fprintf(p->out, "%s", i->command);
		paint(p, PLAIN);
		fputc('\n', p->out);
	}
}

static void put_section(struct page *p, const struct section *s)
{
	size_t label = 0;
	unsigned step = 0;

	fputc('\n', p->out);
	paint(p, BLUE);
	fprintf(p->out, "%s\n", s->title);
	paint(p, PLAIN);
	for (size_t i = 0; i < s->n; i++) {
		size_t n = s->items[i].label ?
				   columns(s->items[i].label, strlen(s->items[i].label)) :
				   0;

		if (n > label && n <= 24)
			label = n;
	}
	for (size_t i = 0; i < s->n; i++) {
		step += s->items[i].kind == ITEM_STEP;
		put_item(p, &s->items[i], label, step);
	}
}

static void put_divider(struct page *p)
{
	static const char words[] = "──── For a bug report, or for whoever knows C ";
	size_t n = columns(words, sizeof(words) - 1);

	fputc('\n', p->out);
	paint(p, DIM);
	fputs(words, p->out);
	for (; n < p->look.width; n++)
		fputs("─", p->out);
	fputc('\n', p->out);
	paint(p, PLAIN);
}

void report_text(const struct report *r, struct look look, FILE *out)
{
	struct page p = { out, look };

	if (p.look.width < 40)
		p.look.width = 40;
	paint(&p, BOLD);
	wrap(&p, r->headline, 0, 0);
	paint(&p, r->bad ? RED : GREEN);
	wrap(&p, r->title, 0, 0);
	paint(&p, PLAIN);
	for (size_t i = 0; i < r->n; i++) {
		if (r->section[i].expert && !(i && r->section[i - 1].expert))
			put_divider(&p);
		put_section(&p, &r->section[i]);
	}
}
