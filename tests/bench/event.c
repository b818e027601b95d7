/* SPDX-License-Identifier: MIT */
/*
 * One recorded event, as a hook writes it: nanoseconds of a KS_EMIT into the thread's ring, and
 * of a walk over 32 callers with the search for the same stack. Linked with the recorder's own
 * objects (not its hooks); writes a trace into KSHIM_DIR like any process, and removes it. event
 * WHAT.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shim/recorder.h"
#include "shim/unwind.h"

#define LAPS 200

extern char **environ;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void emit(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		KS_EMIT(free_big, .address = i, .size = 1 << 20);
}

static void emit_rare(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		KS_EMIT(seccomp_on, .mode = i, .caller = 1);
}

static void stack(unsigned count)
{
	uintptr_t pcs[KS_CALLERS];

	for (unsigned i = 0; i < count; i++)
		ks_stack(pcs, ks_unwind(pcs, KS_CALLERS));
}

static __attribute__((noinline)) double measure(void (*what)(unsigned), unsigned count, int depth)
{
	double best = 1e18;

	if (depth > 0) {
		best = measure(what, count, depth - 1);
		__asm__ volatile("" : : : "memory");	/* not a tail call */
		return best;
	}
	for (int lap = 0; lap < LAPS; lap++) {
		uint64_t t = now();

		what(count);
		t = now() - t;
		if ((double)t / count < best)
			best = (double)t / count;
	}
	return best;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "ring";
	double ns;

	ks_config_read(environ);
	ks.chosen = true;
	ks_open();
	if (!ks.on) {
		fprintf(stderr, "event: no trace could be made\n");
		return 1;
	}
	if (strcmp(what, "rare") == 0)
		ns = measure(emit_rare, 1000, 0);
	else if (strcmp(what, "stack") == 0)
		ns = measure(stack, 1000, 40);
	else
		ns = measure(emit, 10000, 0);
	printf("%.2f\n", ns);
	ks_discard();
	return 0;
}
