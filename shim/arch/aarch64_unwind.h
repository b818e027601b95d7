/* SPDX-License-Identifier: MIT */
/* What shim/cfi.c and shim/unwind.c have to know of the CPU: DWARF's register numbers, where we are. */
#ifndef KS_ARCH_UNWIND_H
#define KS_ARCH_UNWIND_H

#include <stdint.h>

#define KS_DWARF_FP	29	/* DWARF for the Arm 64-bit Architecture, section 4.1 */
#define KS_DWARF_SP	31
#define KS_DWARF_RA	30
#define KS_CODE_SHIFT	2	/* instructions are at multiples of 1 << this */
#define KS_RA_ON_STACK	0	/* a leaf function keeps it in the link register */

/* Registers of the function that this is inlined into. */
#define KS_HERE(pc, sp, fp) \
	__asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29" : "=r"(pc), "=r"(sp), "=r"(fp))

/* Without the signature of pointer authentication, which sits above the 48 bits of an address. */
static inline uintptr_t ks_code_address(uintptr_t pc)
{
	return pc & ((1ull << 48) - 1);
}

#endif
