/* SPDX-License-Identifier: MIT */
/* --explain and --list-causes: what a cause means, how it is proven, what is mistaken for it. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include <stdbool.h>
#include <stdio.h>

bool explain_cause(const char *id, FILE *out);	/* false: there is no such cause */
void list_causes(FILE *out);

#endif
