/* SPDX-License-Identifier: MIT */
/* Between the files that build a report: how sections are filled. */
#ifndef REPORT_PARTS_H
#define REPORT_PARTS_H

#include "analyzer/report.h"

struct section *report_begin(struct report *r, const char *title);
void report_put(struct section *s, enum item_kind kind, const char *label, const char *text);
void report_where(struct report *r);		/* Python and native stacks */
bool report_import_frame(const struct py_frame *f);	/* the machinery of imports, between any two modules */

/* gpu_report.c: driver, devices, memory over time; nothing where no GPU was used. */
void report_gpu(struct report *r);

#endif
