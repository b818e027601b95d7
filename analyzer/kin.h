/* SPDX-License-Identifier: MIT */
/* A trace with all that was made of it, and the child whose end explains that of its parent. */
#ifndef KIN_H
#define KIN_H

#include "analyzer/folder.h"
#include "analyzer/model.h"
#include "analyzer/rule.h"

struct case_file {
	struct trace *trace;
	struct model *model;
	struct verdict verdict;
};

bool case_open(struct case_file *c, const char *path, const char **why);
bool case_of(struct case_file *c, struct trace *t);	/* takes it; false: NULL */
/* From the trace alone, without files of this machine: quick, and vaguer. */
bool case_open_plain(struct case_file *c, const char *path, const char **why);
void case_close(struct case_file *c);

/* A process that gave up because a child of it died, or failed, or that waited for one, is
 * explained by the child. False: nothing links the end of a child to this one; child is not open.
 */
bool case_find_child(const struct folder *f, const struct case_file *parent,
		     struct case_file *child);

#endif
