/* SPDX-License-Identifier: MIT */
/*
 * Unwinds the stack of a crash from the bytes that the trace kept, and finds source lines and
 * inlined functions where there is debug information. The only part that uses elfutils.
 *
 * The work is done in a child process with little time and memory: the files that it reads are
 * strangers', and what goes wrong with them costs the stack and not the report.
 */
#ifndef SYMBOLS_H
#define SYMBOLS_H

#include "analyzer/model_private.h"

struct memory {				/* bytes of the process that the trace has */
	uint64_t address, size;
	const char *bytes;
};

struct unwind {				/* where a thread stood */
	const uint64_t *regs;		/* DWARF order of the architecture */
	unsigned nregs;
	uint64_t pc, sp, fp;
	const struct memory *memory;
	size_t nmemory;
	uint32_t tid;
	bool places_only;		/* of the registers, only pc and sp are known */
};

/* Frames of n threads, innermost first, in stack[]; NULL there: nothing could be found out. */
void symbols_unwind(struct model *m, const struct unwind *u, size_t n, const struct stack **stack);

#endif
