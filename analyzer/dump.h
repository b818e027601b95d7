/* SPDX-License-Identifier: MIT */
/* --dump: every record of a trace as one line of text, in the syntax of decode.h. */
#ifndef DUMP_H
#define DUMP_H

#include <stdio.h>
#include "analyzer/trace.h"

void dump(const struct trace *t, FILE *out);
/* --list-events: the table of events as Markdown, for shim/FORMAT.md. */
void dump_event_table(FILE *out);

#endif
