/* SPDX-License-Identifier: MIT */
/*
 * The tail of what the process wrote to its fd 2: a ring of bytes in the trace.
 *
 * Space is claimed by one atomic addition to the count of bytes ever written; writers never wait.
 * Two threads that write at once may leave their texts mixed as on the terminal itself. A forked
 * child that is not recorded (yet) keeps its last words in its own memory until it is.
 * Async-signal-safe; a vfork child writes nothing, the ring is its parent's.
 */
#include "shim/recorder.h"

#include <string.h>

#define KEPT 4096		/* bytes that a sleeping child keeps, a power of two */

static char kept[KEPT];
static uint64_t kept_next;
static uint32_t kept_generation;

/* Only the last room bytes can stay: the others are counted and skipped. */
static void put(char *ring, size_t room, uint64_t at, const char *bytes, size_t size)
{
	size_t first;

	if (size > room) {
		at += size - room;
		bytes += size - room;
		size = room;
	}
	at %= room;
	first = room - at < size ? room - at : size;
	memcpy(ring + at, bytes, first);
	memcpy(ring, bytes + first, size - first);
}

static bool is_wanted(void)
{
	return ks.chosen && ks.config.text != KS_TEXT_OFF && ks_mine();
}

void ks_output(const char *bytes, size_t size)
{
	if (!size || !is_wanted())
		return;
	if (ks.on && ks.output && ks.output_size) {
		uint64_t at = __atomic_fetch_add(&ks.output->next, size, __ATOMIC_RELAXED);

		if (ks_ready(KS_FIRST_OUTPUT, sizeof(*ks.output) + at + size))
			put((char *)(ks.output + 1), ks.output_size, at, bytes, size);
		return;
	}
	if (kept_generation != ks.generation) {
		kept_generation = ks.generation;
		kept_next = 0;
	}
	put(kept, KEPT, __atomic_fetch_add(&kept_next, size, __ATOMIC_RELAXED), bytes, size);
}

void ks_output_woken(void)
{
	uint64_t n = kept_next;

	if (kept_generation != ks.generation || !n)
		return;
	kept_next = 0;
	if (n > KEPT)
		ks_output(kept + n % KEPT, KEPT - n % KEPT);
	ks_output(kept, n > KEPT ? n % KEPT : n);
}
