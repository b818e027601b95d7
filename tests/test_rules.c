/* SPDX-License-Identifier: MIT */
/*
 * The rules against text traces: every tests/cases/ID.N.case is a test.
 *
 * A case holds records (tests/assemble.h) and, at the begin of a line:
 *
 *	%expect CAUSE [likely]		the verdict, proven unless said otherwise; first word of the file's name or not
 *	%mention WORDS			the verdict's title, explanation, evidence and fix hold these words
 *	%innocent WORDS			its title and cause do not
 *	%seen CAUSE			"also seen" holds this cause, with its why_not
 *	%decisive RECORD		a record; without it the verdict must be vague
 *	%vaguer CAUSE...		further verdicts that are as true as vague ones once a record is missing
 *
 * Mutation: every line of records is left out once, and the verdict must be the same, vague
 * (unknown, none of the causes: crash.*, killed.unknown) or one of %vaguer: never another cause.
 * A rule that no case expects fails the suite.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "analyzer/model.h"
#include "analyzer/rule.h"
#include "analyzer/text.h"
#include "analyzer/why_not.h"
#include "tests/opened.h"

#define MOST_CASES	512
#define MOST_LINES	400
#define MOST_WORDS	16

struct a_case {
	char *name, *bytes;
	char *line[MOST_LINES];
	bool decisive[MOST_LINES];
	unsigned lines;
	char *expect, *mention[MOST_WORDS], *innocent[MOST_WORDS], *seen[MOST_WORDS], *vaguer;
	bool likely;
};

static struct a_case cases[MOST_CASES];
static unsigned ncases;

/* --- reading --- */

static void keep_word(char **list, char *word)
{
	while (*list)
		list++;
	*list = word;
}

static void directive(struct a_case *c, char *line)
{
	char *word = line + strcspn(line, " ");

	if (*word)
		*word++ = '\0';
	if (strcmp(line, "%expect") == 0) {
		c->expect = word;
		word += strcspn(word, " ");
		c->likely = strcmp(word, " likely") == 0;
		*word = '\0';
	} else if (strcmp(line, "%mention") == 0) {
		keep_word(c->mention, word);
	} else if (strcmp(line, "%innocent") == 0) {
		keep_word(c->innocent, word);
	} else if (strcmp(line, "%seen") == 0) {
		keep_word(c->seen, word);
	} else if (strcmp(line, "%vaguer") == 0) {
		c->vaguer = word;
	} else if (strcmp(line, "%decisive") == 0) {
		c->decisive[c->lines] = true;
		c->line[c->lines++] = word;
	} else {
		fprintf(stderr, "%s: what is %s?\n", c->name, line);
		exit(1);
	}
}

static void take_apart(struct a_case *c)
{
	for (char *line = c->bytes, *next; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (c->lines == MOST_LINES) {
			fprintf(stderr, "%s: too many lines\n", c->name);
			exit(1);
		}
		if (*line == '%')
			directive(c, line);
		else if (*line && *line != '#')
			c->line[c->lines++] = line;
	}
	if (!c->expect) {
		fprintf(stderr, "%s: no %%expect\n", c->name);
		exit(1);
	}
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *bytes = calloc(1, 1 << 20);

	if (!f || !bytes) {
		perror(path);
		exit(1);
	}
	if (fread(bytes, 1, (1 << 20) - 1, f) == 0)
		fprintf(stderr, "%s is empty\n", path);
	fclose(f);
	return bytes;
}

static void read_cases(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		struct a_case *c = &cases[ncases];
		size_t n = strlen(e->d_name);
		char path[600];

		if (n < 6 || strcmp(e->d_name + n - 5, ".case") != 0 || ncases == MOST_CASES)
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		c->name = strdup(e->d_name);
		c->bytes = read_file(path);
		take_apart(c);
		ncases++;
	}
	if (dir)
		closedir(dir);
}

/* --- running --- */

static void open_without(struct opened *r, const struct a_case *c, unsigned without)
{
	struct text text = { 0 };

	for (unsigned i = 0; i < c->lines; i++) {
		/* The places of the modules behind it stay. */
		if (i == without && strncmp(c->line[i], "module ", 7) == 0)
			text_add(&text, "module path=\"/gone.so\" base=0x1 start=0x1 end=0x2\n");
		if (i == without)
			continue;
		text_add(&text, c->line[i]);
		text_char(&text, '\n');
	}
	open_text(r, c->name, text_get(&text));
	text_free(&text);
}

static const char *title_of(const struct finding *f)
{
	return f->title ? f->title : f->rule->title;
}

static void all_words(const struct finding *f, struct text *t)
{
	text_printf(t, "%s\n%s\n%s\n%s\n", f->rule->id, title_of(f), text_get(f->explanation), text_get(f->fix));
	for (unsigned i = 0; i < f->nevidence; i++)
		text_printf(t, "%s\n", f->evidence[i].text);
}

static void check_words(const struct a_case *c, const struct finding *f)
{
	struct text t = { 0 };

	all_words(f, &t);
	for (unsigned i = 0; c->mention[i]; i++) {
		if (!strcasestr(t.s, c->mention[i]))
			fail_msg("%s: does not mention \"%s\":\n%s", c->name, c->mention[i], t.s);
	}
	for (unsigned i = 0; c->innocent[i]; i++) {
		if (strcasestr(title_of(f), c->innocent[i]) || strcasestr(f->rule->id, c->innocent[i]))
			fail_msg("%s: accuses \"%s\": %s", c->name, c->innocent[i], title_of(f));
	}
	if (strstr(t.s, "(null)") || strstr(t.s, "(none)"))
		fail_msg("%s: a text that is not there:\n%s", c->name, t.s);
	text_free(&t);
}

static void check_seen(const struct a_case *c, const struct verdict *v)
{
	for (unsigned i = 0; c->seen[i]; i++) {
		bool found = false;

		for (unsigned k = 0; k < v->nalso; k++)
			found |= strcmp(v->also[k].rule->id, c->seen[i]) == 0 && v->also[k].why_not;
		if (!found)
			fail_msg("%s: %s is not among what was also seen", c->name, c->seen[i]);
	}
}

static void check_need(const char *words, bool holds, void *data)
{
	if (!holds)
		fail_msg("%s: it is the verdict although this condition of --why-not is not fulfilled: %s",
			 ((const struct a_case *)data)->name, words);
}

static void a_case_gives_its_verdict(void **state)
{
	static const char *const marks[] = { " $ ", " pip: ", " set: ", " unset: ", "pip:'" };
	const struct a_case *c = *state;
	enum confidence want = c->likely ? LIKELY : PROVEN;
	struct opened r;

	open_without(&r, c, MOST_LINES);
	if (strcmp(r.verdict.best.rule->id, c->expect) != 0)
		fail_msg("%s: %s (%s), not %s", c->name, r.verdict.best.rule->id, title_of(&r.verdict.best), c->expect);
	if (r.verdict.best.confidence != want && strcmp(c->expect, "unknown") != 0)
		fail_msg("%s: %s, not %s", c->name, r.verdict.best.confidence == PROVEN ? "proven" : "likely", c->likely ? "likely" : "proven");
	assert_int_equal(strlen(r.verdict.fingerprint), 16);
	/* The marks of tables (analyzer/rules/libraries.def) have become lines to type. */
	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (strstr(text_get(r.verdict.best.fix), marks[i]))
			fail_msg("%s: \"%s\" is left in the fix: %s", c->name, marks[i], text_get(r.verdict.best.fix));
	}
	if (r.verdict.best.nevidence == 0 && strcmp(c->expect, "none") != 0 && strcmp(c->expect, "unknown") != 0)
		fail_msg("%s: no evidence is shown", c->name);
	if (!r.verdict.best.explanation->n)
		fail_msg("%s: nothing is explained", c->name);
	check_words(c, &r.verdict.best);
	check_seen(c, &r.verdict);
	needs_each(r.model, r.verdict.context, c->expect, check_need, (void *)c);
	close_text(&r);
}

/* --- fingerprints --- */

/* The lines of a case that has its own copies, with one text for another in all of them. */
static void rewrite(struct a_case *c, const char *from, const char *to)
{
	for (unsigned i = 0; i < c->lines; i++) {
		struct text t = { 0 };

		for (const char *p = c->line[i]; *p;) {
			bool here = strncmp(p, from, strlen(from)) == 0;

			if (here)
				text_add(&t, to);
			else
				text_char(&t, *p);
			p += here ? strlen(from) : 1;
		}
		free(c->line[i]);
		c->line[i] = strdup(text_get(&t));
		assert_non_null(c->line[i]);
		text_free(&t);
	}
}

static void copy_case(struct a_case *to, const struct a_case *c)
{
	*to = *c;
	for (unsigned i = 0; i < c->lines; i++) {
		to->line[i] = strdup(c->line[i]);
		assert_non_null(to->line[i]);
	}
}

static void free_case(struct a_case *c)
{
	for (unsigned i = 0; i < c->lines; i++)
		free(c->line[i]);
}

static void same_fingerprint(const struct a_case *a, const struct a_case *b, bool same, const char *what)
{
	struct opened x, y;

	open_without(&x, a, MOST_LINES);
	open_without(&y, b, MOST_LINES);
	if ((strcmp(x.verdict.fingerprint, y.verdict.fingerprint) == 0) != same)
		fail_msg("%s: %s and %s with %s", same ? "not the same" : "the same", x.verdict.fingerprint, y.verdict.fingerprint, what);
	close_text(&x);
	close_text(&y);
}

static const struct a_case *named(const char *name)
{
	for (unsigned i = 0; i < ncases; i++) {
		if (strcmp(cases[i].name, name) == 0)
			return &cases[i];
	}
	fail_msg("there is no %s", name);
	return NULL;
}

static const struct {
	const char *from, *to;
	bool same;
} changes[] = {
	{ "0x7f0002", "0x7f5552", true },		/* another run: addresses */
	{ "/venv/", "/home/jo/.conda/envs/ml/", true },	/* another machine: folders */
	{ "3.11", "3.12", true },			/* another minor version */
	{ "line=2", "line=7", true },
	{ "csr_matvec", "csr_matvec.constprop.0", true },
	{ "csr_matvec", "csr_tocsc", false },		/* another function */
	{ "_sparsetools.so", "_other.so", false },	/* another library */
	{ "<module>", "train", false },			/* called by other code */
	{ " pc=0x7f0002005000", " pc=0x0", false },	/* another cause */
};

static void a_fingerprint_is_the_death_and_not_the_machine(void **state)
{
	const struct a_case *c = named("crash.in-library.1.case");

	(void)state;
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct a_case other;

		copy_case(&other, c);
		rewrite(&other, changes[i].from, changes[i].to);
		if (strcmp(changes[i].from, "0x7f0002") == 0)	/* its module moves with it */
			rewrite(&other, "_sparsetools.so\"", "_sparsetools.so\" base=0x7f5552000000 start=0x7f5552000000 end=0x7f5553000000");
		same_fingerprint(c, &other, changes[i].same, changes[i].to);
		free_case(&other);
	}
}

/* --- mutation --- */

static bool is_word_of(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && (p = strstr(p, word)); p += n) {
		if ((p == list || p[-1] == ' ') && (!p[n] || p[n] == ' '))
			return true;
	}
	return false;
}

static bool is_vague(const struct a_case *c, const char *id)
{
	return strcmp(id, "unknown") == 0 || strcmp(id, "none") == 0 || strcmp(id, "killed.unknown") == 0 || strncmp(id, "crash.", 6) == 0 ||
	       is_word_of(c->vaguer, id);
}

static void without_a_record_it_names_no_other_cause(void **state)
{
	const struct a_case *c = *state;

	for (unsigned i = 0; i < c->lines; i++) {
		const char *id;
		struct opened r;

		open_without(&r, c, i);
		id = r.verdict.best.rule->id;
		if (strcmp(id, c->expect) != 0 && !is_vague(c, id))
			fail_msg("%s: without \"%.80s\" it says %s (%s)", c->name, c->line[i], id, title_of(&r.verdict.best));
		if (c->decisive[i] && strcmp(id, c->expect) == 0 && r.verdict.best.confidence == PROVEN)
			fail_msg("%s: without the decisive \"%.80s\" it still says %s", c->name, c->line[i], id);
		close_text(&r);
	}
}

/* --- all rules have cases, pages and sources --- */

static void check_rule(const struct rule *rule, void *data)
{
	bool *good = data, found = false, decisive = false;

	for (unsigned i = 0; i < ncases; i++) {
		if (strcmp(cases[i].expect, rule->id) != 0)
			continue;
		found = true;
		for (unsigned k = 0; k < cases[i].lines; k++)
			decisive |= cases[i].decisive[k];
	}
	if (!found)
		print_error("%s: no case expects it\n", rule->id);
	else if (!decisive && strcmp(rule->id, "none") != 0 && strcmp(rule->id, "unknown") != 0 && strcmp(rule->id, "killed.unknown") != 0)
		print_error("%s: no case has a %%decisive record\n", rule->id);
	else
		found = found && rule->title && rule->page && rule->sources && rule->match && rule_named(rule->id) == rule;
	if (!found)
		*good = false;
}

static void every_rule_has_a_case_a_page_and_sources(void **state)
{
	bool good = true;

	(void)state;
	rules_each(check_rule, &good);
	assert_true(good);
}

struct demands {
	struct opened o;
	unsigned n;
	bool good;
};

static void count_need(const char *words, bool holds, void *data)
{
	(void)words;
	(void)holds;
	((struct demands *)data)->n++;
}

static void check_demands(const struct rule *rule, void *data)
{
	struct demands *d = data;

	d->n = 0;
	needs_each(d->o.model, d->o.verdict.context, rule->id, count_need, d);
	if (d->n || strcmp(rule->id, "unknown") == 0)
		return;
	print_error("%s: analyzer/rules/needs.def has no row of it\n", rule->id);
	d->good = false;
}

static void every_cause_says_what_it_demands(void **state)
{
	struct demands d = { .good = true };

	(void)state;
	open_text(&d.o, "test.trace", "header pid=4711 ppid=4700 end_kind=3 end_code=0\n");
	rules_each(check_demands, &d);
	close_text(&d.o);
	assert_true(d.good);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct a_case *)a)->name, ((const struct a_case *)b)->name);
}

int main(int argc, char **argv)
{
	struct CMUnitTest *all;
	unsigned n = 0;

	read_cases(argc > 1 ? argv[1] : "tests/cases");
	qsort(cases, ncases, sizeof(cases[0]), by_name);
	all = calloc(2 * ncases + 3, sizeof(*all));
	if (!all || !ncases) {
		fprintf(stderr, "no cases in tests/cases\n");
		return 1;
	}
	for (unsigned i = 0; i < ncases; i++) {
		char *mutation = malloc(strlen(cases[i].name) + 32);

		sprintf(mutation, "%s, each record left out", cases[i].name);
		all[n++] = (struct CMUnitTest){ cases[i].name, a_case_gives_its_verdict, NULL, NULL, &cases[i] };
		all[n++] = (struct CMUnitTest){ mutation, without_a_record_it_names_no_other_cause, NULL, NULL, &cases[i] };
	}
	all[n++] = (struct CMUnitTest)cmocka_unit_test(a_fingerprint_is_the_death_and_not_the_machine);
	all[n++] = (struct CMUnitTest)cmocka_unit_test(every_rule_has_a_case_a_page_and_sources);
	all[n++] = (struct CMUnitTest)cmocka_unit_test(every_cause_says_what_it_demands);
	return _cmocka_run_group_tests("rules", all, n, NULL, NULL);
}
