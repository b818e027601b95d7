/* SPDX-License-Identifier: MIT */
/* What the rules say about themselves: pages, the list of all, names that are nearly right. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdio.h>

#include "analyzer/rule.h"
#include "analyzer/text.h"

void explain(const struct rule *rule, FILE *out);
void list_causes(FILE *out);
/* "load.static-tls or load.…": causes that word may have meant; nothing where none is near. */
void causes_near(const char *word, struct text *out);

#endif
