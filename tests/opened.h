/* SPDX-License-Identifier: MIT */
/* A text trace (assemble.h), read, modelled and judged as kshim-analyze does it; a test fails where it cannot be read. */
#ifndef OPENED_H
#define OPENED_H

#include "analyzer/report.h"
#include "analyzer/trace.h"
#include "tests/assemble.h"

struct opened {
	struct image image;
	struct trace *trace;
	struct model *model;
	struct verdict verdict;
	struct subject subject;		/* of the reports */
};

/* name: of the file, as messages and reports have it. */
void open_text(struct opened *o, const char *name, const char *text);
void close_text(struct opened *o);

enum form { TEXT, HTML, JSON };

/* The report of such a trace; the caller frees it. */
char *report_of(const char *name, const char *text, enum form form, struct look look);

#endif
