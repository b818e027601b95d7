/* SPDX-License-Identifier: MIT */
/* Numbers of aarch64 that the recorder needs everywhere, and its clock. Any context. */
#ifndef KS_ARCH_BASE_H
#define KS_ARCH_BASE_H

#include <elf.h>
#include <stdint.h>

#define KS_ARCH_HERE	KS_ARCH_AARCH64
#define KS_PAGES	65536		/* the largest page size of the architecture */
#define KS_SLOT_PLT	R_AARCH64_JUMP_SLOT
#define KS_SLOT_DATA	R_AARCH64_GLOB_DAT
#define KS_SLOT_ADDRESS	R_AARCH64_ABS64
#define KS_TID_IN_PTHREAD 0xd0		/* glibc, nptl/descr.h: behind the list of stacks */

/* Clock of the slots. */
static inline uint64_t ks_clock(void)
{
	uint64_t t;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
	return t;
}

#endif
