/* SPDX-License-Identifier: MIT */
/* Any bytes as a line table of CPython, in its three forms, at any instruction: a line, or 0. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "analyzer/pylines.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct ks_py_frame f = { .table_kind = 0 };
	uint8_t *table;

	if (size < 9)
		return 0;
	f.table_kind = bytes[0] & 3;
	memcpy(&f.first_line, bytes + 1, 4);
	memcpy(&f.last_instruction, bytes + 5, 4);
	if (bytes[0] & 4)		/* most are not where two billion bytes of code end */
		f.last_instruction &= 0xfff;
	f.table_size = (uint32_t)(size - 9);
	table = malloc(size - 9);	/* its own: the sanitizer sees every step beyond */
	memcpy(table, bytes + 9, size - 9);
	FUZZ_CHECK(py_line(&f, table) >= 0);
	free(table);
	return 0;
}
