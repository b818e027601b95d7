/* SPDX-License-Identifier: MIT */
/* What shim/cfi.c and shim/unwind.c have to know of the CPU: DWARF's register numbers, where we are. */
#ifndef KS_ARCH_UNWIND_H
#define KS_ARCH_UNWIND_H

#include <stdint.h>

#define KS_DWARF_FP	6	/* System V ABI, AMD64 supplement, figure 3.36 */
#define KS_DWARF_SP	7
#define KS_DWARF_RA	16
#define KS_CODE_SHIFT	0	/* instructions are at multiples of 1 << this */
#define KS_RA_ON_STACK	1	/* a call pushes its return address */

/* Registers of the function that this is inlined into. */
#define KS_HERE(pc, sp, fp) \
	__asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2" : "=r"(pc), "=r"(sp), "=r"(fp))

static inline uintptr_t ks_code_address(uintptr_t pc)
{
	return pc;
}

#endif
