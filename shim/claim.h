/* SPDX-License-Identifier: MIT */
/*
 * One at a time, without a lock: who comes second goes without.
 *
 * A handler of the program may interrupt who is at work and jump out of there for good (siglongjmp); a child may be forked
 * meanwhile. So a place is held only as long as a word on the stack of its holder stands there, which is soon
 * overwritten when that has been left, and by the process that took it.
 *
 * Any context. A place is 0 in the beginning; place and mark belong together until ks_claim_end.
 */
#ifndef KS_CLAIM_H
#define KS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

struct ks_mark {			/* in a frame that stays as long as the place is held */
	volatile uint64_t word;
};

/* False: somebody else is at work there, or this thread itself, which has been interrupted. */
bool ks_claim(uint64_t *place, struct ks_mark *mark);
/* The same of a place that belongs to the calling thread alone. */
bool ks_claim_own(uint64_t *place, struct ks_mark *mark);
void ks_claim_end(uint64_t *place, struct ks_mark *mark);

#pragma GCC visibility pop

#endif
