/* SPDX-License-Identifier: MIT */
/*
 * Between the fast paths of the malloc family (heap.c) and their slow path (heap_slow.c).
 *
 * A purse holds the bytes that a thread may still take (or give back) before the slow path is due;
 * below 0 it is empty.
 */
#ifndef KS_HEAP_H
#define KS_HEAP_H

#include <gnu/libc-version.h>
#include <malloc.h>

#include "hooks/hooks.h"
#include "shim/arch.h"
#include "shim/safe.h"

#define KS_PURSE_FULL	(256 << 10)	/* bytes between two visits of the slow path */
#define KS_HEAP_BIG	(1 << 20)	/* a request that is recorded by itself */

struct ks_heap_self {
	int64_t alloc, free;		/* purses */
	int64_t alloc_filled, free_filled;	/* what they held when they were filled */
	int64_t to_sample;		/* bytes until the next sample, from the last filling on */
	int64_t grown;			/* bytes taken, not given back, since a checkpoint */
	uint64_t random;
	uint64_t inside;		/* somebody is in the slow path (shim/claim.h) */
	char own;			/* dl calls of our own that are under way */
};
extern __thread struct ks_heap_self ks_heap_self KS_HIDDEN
	__attribute__((tls_model("initial-exec")));

#pragma GCC visibility push(hidden)
/* p was given and the purse is empty. chunk: bytes that the allocator spent on it. */
void ks_heap_took(void *p, size_t size, uint64_t chunk, enum ks_heap_function f);
/* The purse of frees is empty; p is about to be freed, or moved by realloc. */
void ks_heap_gave(void *p, uint64_t chunk);
void ks_heap_count_frees(void);	/* there is a recording; idle programs are only forwarded */
void ks_heap_failed(size_t size, enum ks_heap_function f, uintptr_t caller);
#pragma GCC visibility pop

#endif
