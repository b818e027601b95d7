/* SPDX-License-Identifier: MIT */
/*
 * Any text for the assembler of traces: an error with its line, or a trace that can be read. The
 * fourth part of what assembles is explained, too: this way the rules see events that belong
 * together.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tests/assemble.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	char *text = malloc(size + 1);
	struct image image;
	const char *why;

	memcpy(text, bytes, size);
	text[size] = '\0';
	if (!assemble(text, &image)) {
		struct trace *t = trace_from_memory("fuzz.trace", image.bytes, image.size, &why);

		FUZZ_CHECK(t);
		if (size % 4 == 0)
			reports_check(t, false, reports_some(bytes, size));
		trace_close(t);
		free(image.bytes);
	}
	free(text);
	return 0;
}
