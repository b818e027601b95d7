/* SPDX-License-Identifier: MIT */
/* The stack of the caller, by call frame information; see unwind.c. */
#ifndef KS_UNWIND_H
#define KS_UNWIND_H

#include <stdint.h>

#define KS_CALLERS 32		/* frames that a stack in the trace has at the most */

#pragma GCC visibility push(hidden)
/* Program counters, innermost (our own) first, at the most most of them; how many. Any context. */
unsigned ks_unwind(uintptr_t *pcs, unsigned most);
void ks_unwind_forget(void);	/* code may have gone: dlclose */
#pragma GCC visibility pop

#endif
