/* SPDX-License-Identifier: MIT */
/* A death whose report was printed is marked as read: it may go before those that nobody has read. */
#ifndef MARK_H
#define MARK_H

#include "analyzer/model.h"

/* One word of the trace's header, in a trace of one's own in a directory of traces; else nothing. */
void mark_read(const struct model *m);

#endif
