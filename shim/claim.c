/* SPDX-License-Identifier: MIT */
/* See claim.h. A place that is held says where the mark lies, in 48 bits, and in 16 whose it is: the generation. */
#include "shim/claim.h"

#include <signal.h>

#include "shim/recorder.h"
#include "shim/safe.h"

static uint16_t generation(void)
{
	return (uint16_t)(ks.generation + 1);
}

static bool stands(uint64_t place)
{
	uint64_t there;

	return (uint16_t)place == generation() && ks_read_memory(place >> 16, &there, sizeof(there)) == sizeof(there) &&
	       there == ~place;
}

static bool on_alternate_stack(void)
{
	stack_t now = { 0 };

	return ks_sys(SYS_sigaltstack, NULL, &now) == 0 && now.ss_flags & SS_ONSTACK;
}

static bool take(uint64_t *place, uint64_t was, struct ks_mark *mark)
{
	const uint64_t own = (uint64_t)(uintptr_t)mark << 16 | generation();

	mark->word = ~own;
	return __atomic_compare_exchange_n(place, &was, own, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

bool ks_claim(uint64_t *place, struct ks_mark *mark)
{
	const uint64_t was = __atomic_load_n(place, __ATOMIC_RELAXED);

	/* A mark of the same place in the stack has been left: its frame was where ours is. */
	if (KS_UNLIKELY(was) && was >> 16 != (uintptr_t)mark && stands(was))
		return false;
	return take(place, was, mark);
}

bool ks_claim_own(uint64_t *place, struct ks_mark *mark)
{
	const uint64_t was = __atomic_load_n(place, __ATOMIC_RELAXED);

	/* Who has been interrupted has his frame above ours, or we are on another stack. */
	if (KS_UNLIKELY(was) && stands(was) && (was >> 16 > (uintptr_t)mark || on_alternate_stack()))
		return false;
	return take(place, was, mark);
}

void ks_claim_end(uint64_t *place, struct ks_mark *mark)
{
	uint64_t own = ~mark->word;

	mark->word = 0;
	__atomic_compare_exchange_n(place, &own, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
