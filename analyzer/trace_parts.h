/* SPDX-License-Identifier: MIT */
/* Between trace.c and trace_parts.c only: the parts of a trace, read when its regions are known. */
#ifndef TRACE_PARTS_H
#define TRACE_PARTS_H

#include "analyzer/trace.h"

void trace_damaged(struct trace *t, uint64_t offset, const char *format, ...) __attribute__((format(printf, 3, 4)));
void trace_read_slots(struct trace *t);
void trace_read_tables(struct trace *t);
void trace_read_output(struct trace *t);
void trace_read_crash(struct trace *t);
void trace_read_blocks(struct trace *t);

#endif
