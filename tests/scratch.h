/* SPDX-License-Identifier: MIT */
/* A folder of a test program's own, made before its first test and gone after its last one. */
#ifndef SCRATCH_H
#define SCRATCH_H

extern char scratch[];			/* its path, once it is made */

/* Group set-up and tear-down of cmocka. */
int scratch_make(void **state);
int scratch_clean(void **state);
/* Writes a file below it, and makes the folders that it lies in. */
void scratch_put(const char *name, const char *text);

#endif
