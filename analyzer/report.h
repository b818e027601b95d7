/* SPDX-License-Identifier: MIT */
/*
 * A report: what is said, in order, once; report_text.c and report_html.c only lay it out. The
 * JSON report (report_json.c) says the same in members and is made from the model directly.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdio.h>
#include "analyzer/model.h"
#include "analyzer/rule.h"
#include "analyzer/series.h"
#include "analyzer/text.h"

enum item_kind {
	ITEM_TEXT,	/* a paragraph */
	ITEM_STEP,	/* one thing to do */
	ITEM_FACT,	/* label (a time, a name) and text */
	ITEM_CODE,	/* a line that keeps to itself: frames */
	ITEM_OUTPUT,	/* a line as the program wrote it */
	ITEM_PATH,	/* a line that must stay whole, however long */
};

struct item {
	enum item_kind kind;
	const char *label;		/* of ITEM_FACT, else NULL */
	const char *text;
	const char *command;		/* of ITEM_STEP: a line to type; NULL */
};

struct section {
	const char *title;
	struct item *items;
	size_t n, room;
	bool aside;			/* details: HTML folds them */
	bool expert;			/* for a bug report, or for whoever knows C: behind all others */
};

/* What a report is about. */
struct subject {
	const struct model *m;		/* the process and its ending */
	const struct model *where;	/* whose stacks and records the verdict speaks of: m, or a child that m died of */
	const struct verdict *v;
	const char *note;		/* how this trace was chosen: one line; NULL */
	const struct series *series;	/* deaths of the same kernel before; NULL: not looked for */
};

struct report {
	const struct model *m, *where;
	const struct verdict *v;
	const struct series *series;
	const char *note;
	const char *headline;		/* what died of what */
	const char *title;		/* why, in one sentence */
	const struct py_frame *own;	/* the line of the user's own code that "Why" has shown; NULL */
	const char *said;		/* the paragraphs of "Why", as they stand there */
	const char *cause, *confidence;
	bool bad;			/* it did not end as it was asked to */
	struct section section[24];
	size_t n;
	struct arena arena;
};

void report_build(struct report *r, const struct subject *s);
void report_free(struct report *r);

struct look {
	bool colour;
	unsigned width;
};
void report_text(const struct report *r, struct look look, FILE *out);
void report_html(const struct report *r, FILE *out);
/* The schema of the JSON report is in kshim-analyze(1). */
/* The JSON report about a directory that holds no recording. */
void report_json_nothing(const char *directory, const char *title, const char *explanation, FILE *out);
void report_json(const struct subject *s, FILE *out);
/* A bug report for the makers of the library, anonymised Markdown: issue.c. */
void report_issue(const struct subject *s, FILE *out);

/* For all reports. */
const char *confidence_word(const struct finding *f);
const char *process_version(const struct model *m, struct arena *a);	/* "3.11.7", NULL: unknown */
/* Arguments as they were given, in *argv; how many. */
size_t process_argv(const struct model *m, struct arena *a, const char *const **argv);
const char *process_venv(const struct model *m);	/* NULL */
const char *process_conda(const struct model *m);	/* NULL */
const char *process_prefix(const struct model *m);	/* NULL */
/* The thread that ended the process, or is asked about; NULL: none is known. */
const struct thread *report_thread(const struct model *m);
const struct stack *report_stack(const struct model *m);	/* its native stack; NULL */

struct memory_summary {			/* bytes, UNKNOWN where not known */
	uint64_t rss, rss_peak, vsize, heap_live, cgroup_usage, cgroup_limit, available, as_limit, threads;
};
struct memory_summary report_memory(const struct model *m);

#endif
