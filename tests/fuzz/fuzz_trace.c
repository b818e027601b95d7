/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace, explained, and told as text, page, JSON or dump: no crash, no hang, no unbounded
 * memory, and nothing in the output that could act. The files that a trace names are not opened
 * here (fuzz_symbols does).
 */
#include "tests/fuzz/fuzz.h"

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
	return mutate_trace(bytes, size, most, seed);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, uint8_t *to,
				 size_t most, unsigned seed)
{
	return cross_traces(a, na, b, nb, to, most, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const char *why;
	struct trace *t = trace_from_memory("fuzz.trace", (const char *)bytes, size, &why);

	if (t)
		reports_check(t, false, reports_some(bytes, size));
	trace_close(t);
	return 0;
}
