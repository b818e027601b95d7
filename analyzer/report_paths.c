/* SPDX-License-Identifier: MIT */
/*
 * Long paths in sentences: a sentence that a path of 100 columns stands in cannot be read in a
 * terminal. It gets what one knows the file by (the part behind site-packages, the last folder and
 * the name), and the whole path stands once, in a line of its own, at the end of the report.
 * Commands are never shortened.
 */
#include "analyzer/report_parts.h"

#include <string.h>

#include "analyzer/proof.h"

#define LONGEST	46		/* columns of a path that may stand in a sentence */
#define MOST_PATHS	24

struct shortened {
	const char *whole[MOST_PATHS];
	size_t n;
};

/* "_json.so" for "_json.cpython-311-x86_64-linux-gnu.so" (PEP 3149). */
const char *report_short_name(struct report *r, const char *name)
{
	const char *tag = strstr(name, ".cpython-"), *end = tag ? strstr(tag, ".so") : NULL;

	return end ? arena_printf(&r->arena, "%.*s%s", (int)(tag - name), name, end) : name;
}

const char *report_short_path(struct report *r, const char *path)
{
	const size_t site = site_packages(path);
	const char *base = base_name(path), *folder = base, *next;

	if (strlen(path) <= LONGEST)
		return path;
	if (site)
		return report_short_name(r, path + site);
	/* As many of its last parts as there is room for. */
	for (next = base; next - path > 1 && strlen(next) <= LONGEST - 2;) {
		folder = next--;
		while (next > path && next[-1] != '/')
			next--;
	}
	return arena_printf(&r->arena, "…/%s", folder);
}

static bool begins_path(const char *text, const char *p)
{
	return *p == '/' && p[1] != '/' && p[1] != ' ' && p[1] && (p == text || strchr(" \"'(=<", p[-1]));
}

/* Up to the end of the word, without the signs that belong to the sentence. */
static size_t path_length(const char *p)
{
	size_t n = strcspn(p, " \t\"'<>,;:");	/* ":" : "file.py:12", "a:b" */

	while (n > 1 && strchr(".)", p[n - 1]))
		n--;
	return n;
}

static void keep_whole(struct shortened *s, const char *path)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->whole[i], path) == 0)
			return;
	}
	if (s->n < MOST_PATHS)
		s->whole[s->n++] = path;
}

static const char *shorten(struct report *r, struct shortened *s, const char *text)
{
	struct text t = { 0 };
	const char *made = text;

	if (!text || !strchr(text, '/'))
		return text;
	for (const char *p = text; *p;) {
		size_t n = begins_path(text, p) ? path_length(p) : 0;
		const char *path = n > LONGEST ? arena_text(&r->arena, p, n) : NULL;

		if (path) {
			text_add(&t, report_short_path(r, path));
			keep_whole(s, path);
		} else {
			text_add_n(&t, p, n ? n : 1);
		}
		p += n ? n : 1;
	}
	made = arena_text(&r->arena, text_get(&t), t.n);
	text_free(&t);
	return made;
}

/* Frames and commands have it as it is. */
static bool stands_whole(const struct report *r, const char *path)
{
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->section[i].n; k++) {
			const struct item *item = &r->section[i].items[k];

			if (item->kind == ITEM_CODE && strstr(item->text, path))
				return true;
			if (item->command && strstr(item->command, path))
				return true;
		}
	}
	return false;
}

void report_shorten(struct report *r)
{
	struct shortened s = { .n = 0 };
	struct section *list;

	r->headline = shorten(r, &s, r->headline);
	r->title = shorten(r, &s, r->title);
	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; k < r->section[i].n; k++) {
			struct item *item = &r->section[i].items[k];

			if (item->kind == ITEM_TEXT || item->kind == ITEM_FACT)
				item->text = shorten(r, &s, item->text);
		}
	}
	if (!s.n)
		return;
	list = report_begin(r, "Files named above, in full");
	list->expert = true;
	for (size_t i = 0; i < s.n; i++) {
		if (!stands_whole(r, s.whole[i]))
			report_put(list, ITEM_PATH, NULL, s.whole[i]);
	}
	report_end(r);
}
