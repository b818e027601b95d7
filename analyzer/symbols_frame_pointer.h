/* SPDX-License-Identifier: MIT */
/*
 * The frame pointer of a sleeping x86_64 thread of which only pc and sp are known (/proc/PID/task/TID/syscall,
 * proc(5)): distributions whose programs keep one (Ubuntu from 24.04, Fedora from 38) have CFI that
 * asks for it.
 */
#ifndef SYMBOLS_FRAME_POINTER_H
#define SYMBOLS_FRAME_POINTER_H

#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>

struct frame_search {
	Dwfl *dwfl;				/* with the modules that the stack points into */
	bool (*word)(const void *arg, uint64_t address, uint64_t *value);	/* of the thread's stack */
	const void *arg;
	uint64_t sp;				/* of the innermost function */
	uint64_t pc;				/* in the function that needs the frame pointer */
	uint64_t inner;				/* where the call that it is in returns to; 0: it is the innermost itself */
};

/*
 * Its value, which is the address at which that function keeps its caller's: 0 where nothing on
 * the stack looks like it.
 */
uint64_t frame_pointer_find(const struct frame_search *s);

#endif
