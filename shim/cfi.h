/* SPDX-License-Identifier: MIT */
/*
 * How to get from a frame to its caller's: one rule for each program counter, out of the call
 * frame information (.eh_frame) of the loaded objects. Locks nothing, allocates nothing.
 */
#ifndef KS_CFI_H
#define KS_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ks_cfa {
	KS_CFA_NONE,		/* nothing is known about this code */
	KS_CFA_END,		/* the outermost frame, or one that cannot be left (a signal's) */
	KS_CFA_SP,		/* the caller's sp (the CFA) is sp + offset */
	KS_CFA_FP,		/* fp + offset */
	KS_CFA_AT_FP,		/* the word at fp + offset, and the caller's fp is at fp: the
				 * function aligns its stack */
};

struct ks_rule {
	enum ks_cfa cfa;
	int32_t offset;
	int32_t fp_at, ra_at;	/* where they were saved, from the CFA; 0: not saved */
};

#pragma GCC visibility push(hidden)

/* glibc's _dl_find_object (2.35 and later; hooks/table.c), NULL where there is none. */
extern int (*ks_find_object)(void *address, void *result);

/* pc: an address within the call instruction. False where it has no usable information. */
bool ks_cfi_find(uintptr_t pc, struct ks_rule *rule);
bool ks_is_code(uintptr_t pc);		/* some loaded object lies there */

#pragma GCC visibility pop

#endif
