/* SPDX-License-Identifier: MIT */
/* --why-not CAUSE: what a cause would have needed to be the verdict on one trace. */
#ifndef WHY_NOT_H
#define WHY_NOT_H

#include <stdio.h>

#include "analyzer/rule.h"

/* v: the verdict that was reached. */
void why_not(const struct model *m, const struct verdict *v, const struct rule *rule, FILE *out);

/* Calls each(words, holds, data) for every condition of the cause. */
void needs_each(const struct model *m, const struct context *c, const char *cause,
		void (*each)(const char *words, bool holds, void *data), void *data);

#endif
