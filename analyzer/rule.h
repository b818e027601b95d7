/* SPDX-License-Identifier: MIT */
/*
 * What a rule is. A rule knows one cause: match() looks for its proof in the model and fills the
 * finding with the records that it relied on; explain() tells it, from the finding alone. The
 * engine (rules.c) tries the table rules.def from top to bottom, the most specific first; the
 * first proven one is the verdict, then the first likely one; others that matched are "also seen".
 */
#ifndef RULE_H
#define RULE_H

#include <stdbool.h>
#include "analyzer/model.h"

enum confidence { NO_MATCH, SEEN, LIKELY, PROVEN };	/* SEEN: present, but linked to the end by no proof */

#define MAX_EVIDENCE	12

struct evidence {
	uint64_t record;		/* file offset of the event, module, checkpoint… */
	int64_t time;
	const char *text;		/* one line, made by finding_cite() */
};

struct finding {
	const struct rule *rule;
	enum confidence confidence;
	const char *why_not;		/* for SEEN: why it is not the cause; finding_unlinked: the rule did not look closer */
	const char *title;		/* overrides rule->title, NULL */

	/* What match() relied on; explain() may use only these. */
	const struct event *event;
	const struct load *load;
	const struct module *module, *other;
	const struct thread *thread;
	const struct frame *frame;
	const struct mapping *mapping;
	const struct checkpoint *first, *last;
	const char *text, *name, *path, *symbol;
	uint64_t number[6];

	struct evidence evidence[MAX_EVIDENCE];
	unsigned nevidence;

	struct text *explanation;	/* filled by explain(): paragraphs */
	struct text *fix;		/* filled by explain(): one step a line */

	struct arena *arena;		/* of the verdict: for texts that the finding keeps */
	const struct context *context;	/* analyzer/proof.h: what was found before the rules ran */
};

struct rule {
	const char *id;			/* stable word: "load.missing-library" */
	const char *title;		/* one sentence, for the headline */
	const char *advice;		/* a fix when explain() adds none, NULL */
	enum confidence (*match)(const struct model *m, struct finding *f);
	void (*explain)(const struct model *m, struct finding *f);
	bool general;		/* says where it died, not why: only when no cause was found */
	const char *page;	/* for --explain: what it is, how it is proven, what is mistaken for it */
	const char *sources;	/* URLs, separated by spaces */
};

struct verdict {
	struct finding best;		/* best.rule is never NULL: rule_unknown at worst */
	struct finding *also; unsigned nalso;
	char fingerprint[24];
	struct arena *arena;		/* texts of the findings */
	struct context *context;
};

extern const char finding_unlinked[];

void rules_run(const struct model *m, struct verdict *v);
void verdict_free(struct verdict *v);

/* The rule of a cause, NULL: there is none. */
const struct rule *rule_named(const char *id);
/* Calls each(rule, data) for every rule of the table. */
void rules_each(void (*each)(const struct rule *rule, void *data), void *data);
/* What this one rule makes of the model (for --why-not): no match, seen, likely or proven. */
enum confidence rule_try(const struct model *m, const struct rule *rule, struct verdict *v);

/* For rules: cite a record as proof; say a sentence of the explanation; add a step of the fix. printf-like. */
void finding_cite(struct finding *f, uint64_t record, int64_t time, const char *format, ...) __attribute__((format(printf, 4, 5)));
void finding_say(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same of what Python itself printed, where it did: the exception, where it was raised. */
void finding_say_traced(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* And of the line that Python had come to, which a report tells among the frames. */
void finding_say_line(struct finding *f, const struct py_frame *frame);
#define TOLD_BY_TRACEBACK	'\x0e'	/* what these two put in front of the sentence, in finding.explanation */
#define TOLD_BY_FRAMES		'\x0f'
const char *finding_sentence(const char *paragraph);	/* without it */
void finding_fix(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line to type or to paste, that belongs to the step said last: it is never wrapped. */
void finding_run(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define FIX_COMMAND	'\f'	/* what finding_run puts between the two, in finding.fix */
void finding_title(struct finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Shared by rules that end in "install or reinstall the package of this file": adds the command of this environment. */
void finding_fix_package(const struct model *m, struct finding *f, const char *path_or_name, const char *verb);

#endif
