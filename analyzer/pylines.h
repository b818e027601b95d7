/* SPDX-License-Identifier: MIT */
/*
 * The source line that a Python frame was at: CPython's line tables, in their three forms.
 * Pure, and safe with any bytes: a table may be damaged or cut off.
 */
#ifndef PYLINES_H
#define PYLINES_H

#include <stdint.h>
#include "shim/format.h"

/* Line of f->last_instruction; table has f->table_size bytes. 0: the table does not tell. */
int py_line(const struct ks_py_frame *f, const uint8_t *table);

#endif
