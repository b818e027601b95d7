/* SPDX-License-Identifier: MIT */
/* Between the files that build a report: how sections are filled. */
#ifndef REPORT_PARTS_H
#define REPORT_PARTS_H

#include "analyzer/report.h"

struct section *report_begin(struct report *r, const char *title);
void report_end(struct report *r);	/* the section that began last goes where nothing was left in it */
void report_put(struct section *s, enum item_kind kind, const char *label, const char *text);
/* Each line of a text as an item of its own; empty ones are left out. */
void report_put_lines(struct report *r, struct section *s, enum item_kind kind, const char *lines);
const char *report_time(struct report *r, int64_t time);	/* "+1.250 s" */
int64_t report_later(const struct report *r);	/* how much later than the process the trace of the child began that is told of */

/* report_story.c: what the verdict says. */
void report_why(struct report *r);
void report_what_to_do(struct report *r);
void report_proof(struct report *r);
void report_also_seen(struct report *r);
const char *report_noise(struct report *r);	/* what report_also_seen() leaves out, in a line; NULL */
void report_last_import(struct report *r, struct section *s);	/* while it goes on */
void report_now(struct report *r);		/* of a process that runs */
void report_last_words(struct report *r);	/* on stderr, of one that ended badly */
/* Python's own words about the exception that ended it, which report_last_words() shows; NULL. */
const char *report_traceback(const struct report *r);
void report_memory_section(struct report *r);
void report_where(struct report *r);		/* Python and native stacks */
bool report_import_frame(
	const struct py_frame *f); /* the machinery of imports, between any two modules */

const char *report_python_line(struct report *r, const struct model *m, const struct py_frame *f);
/* Without the folder that packages or the standard library are installed in. */
const char *report_bare_path(const char *path);
/* report_paths.c: what a file is known by, where its path is long. */
const char *report_short_name(struct report *r, const char *name);
const char *report_short_path(struct report *r, const char *path);
void report_shorten(struct report *r);		/* all sentences; adds the section with the whole paths */
/* Do the title or "Why" hold these words? */
bool report_said(const struct report *r, const char *words);
bool report_library_frame(const struct py_frame *f);
/* The innermost line of the user's own code in the thread that ended, as report_python_line has it; NULL. */
const char *report_own_line(struct report *r);
/* before: the frame in the line above, NULL. */
const char *report_native_line(struct report *r, const struct frame *f, const struct frame *before);
bool report_interpreter_frame(const struct frame *f); /* says nothing that Python's do not say */

void report_live(struct report *r); /* report_live.c: what the threads of a living process do */

/* gpu_report.c: driver, devices, memory over time; nothing where no GPU was used. */
void report_gpu(struct report *r);

#endif
