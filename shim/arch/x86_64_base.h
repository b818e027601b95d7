/* SPDX-License-Identifier: MIT */
/* Numbers of x86_64 that the recorder needs everywhere, and its clock. Any context. */
#ifndef KS_ARCH_BASE_H
#define KS_ARCH_BASE_H

#include <elf.h>
#include <stdint.h>

#define KS_ARCH_HERE	KS_ARCH_X86_64
#define KS_PAGES	4096		/* the largest page size of the architecture */
#define KS_SLOT_PLT	R_X86_64_JUMP_SLOT
#define KS_SLOT_DATA	R_X86_64_GLOB_DAT
#define KS_SLOT_ADDRESS	R_X86_64_64
#define KS_TID_IN_PTHREAD 0x2d0		/* glibc, nptl/descr.h: behind tcbhead_t and the list of stacks */

/* Clock of the slots. */
static inline uint64_t ks_clock(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

#endif
