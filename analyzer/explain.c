/* SPDX-License-Identifier: MIT */
/* Prints the pages that the rules carry. */
#include "analyzer/explain.h"

#include <string.h>

#include "analyzer/rule.h"

void explain(const struct rule *rule, FILE *out)
{
	const char *url;

	fprintf(out, "%s: %s\n", rule->id, rule->title);
	if (rule->page)
		fprintf(out, "\n%s\n", rule->page);
	if (rule->advice)
		fprintf(out, "\nWhat to do: %s\n", rule->advice);
	url = rule->sources;
	if (url && *url)
		fputs("\nSeen in the wild:\n", out);
	while (url && *url) {
		size_t n = strcspn(url, " ");

		if (n)
			fprintf(out, "  %.*s\n", (int)n, url);
		url += n + (url[n] == ' ');
	}
}

/* Edits between two words: letters put in, taken out, replaced (Levenshtein). */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	unsigned row[64];

	if (n >= 63 || strlen(a) >= 63)
		return 99;
	for (size_t i = 0; i <= n; i++)
		row[i] = (unsigned)i;
	for (size_t k = 1; *a; a++, k++) {
		unsigned corner = row[0];

		row[0] = (unsigned)k;
		for (size_t i = 1; i <= n; i++) {
			unsigned put = row[i - 1] + 1, out = row[i] + 1, same = corner + (*a != b[i - 1]);

			corner = row[i];
			row[i] = put < out ? put : out;
			row[i] = row[i] < same ? row[i] : same;
		}
	}
	return row[n];
}

struct near {
	const char *word;
	struct text *out;
	unsigned best, n;
};

/* The whole name, or the part behind the dot, or one within the other. */
static unsigned how_far(const char *word, const char *id)
{
	const char *dot = strchr(id, '.'), *tail = dot ? dot + 1 : id;
	unsigned whole = distance(word, id), part = strchr(word, '.') ? 99 : distance(word, tail);

	if (strlen(word) >= 3 && strstr(id, word))
		return 1;
	return whole < part ? whole : part;
}

static void measure(const struct rule *rule, void *data)
{
	struct near *near = data;
	unsigned far = how_far(near->word, rule->id);

	if (far < near->best)
		near->best = far;
}

static void collect(const struct rule *rule, void *data)
{
	struct near *near = data;

	if (how_far(near->word, rule->id) > near->best + (near->best > 1) || near->n >= 4)
		return;
	text_printf(near->out, "%s%s", near->n++ ? " or " : "", rule->id);
}

void causes_near(const char *word, struct text *out)
{
	struct near near = { .word = word, .out = out, .best = 99 };

	rules_each(measure, &near);
	if (near.best <= 3 + strlen(word) / 4)
		rules_each(collect, &near);
}

static void one(const struct rule *rule, void *out)
{
	fprintf(out, "%-28s %s\n", rule->id, rule->title);
}

void list_causes(FILE *out)
{
	rules_each(one, out);
}
