/* SPDX-License-Identifier: MIT */
/*
 * vfork, and what may end its caller meanwhile.
 *
 * The child shares our memory until it has become another program: it must find nothing to change, so vfork is a stub
 * that leaves no frame, and every hook asks ks_mine() before it writes.
 *
 * Its parent sleeps until then, and of all signals only one that kills it wakes it up: not one that has a handler, and
 * ours is one. So where nobody else could take them, those that somebody may send are given back before, and taken
 * again when the parent next calls one of the hooks that wait, send or set signals, or make children. Who dies of one in
 * between is told by the header (bare).
 */
#include "hooks/process.h"

#include "hooks/signal.h"
#include "shim/arch.h"
#include "shim/safe.h"

static const uint8_t sent[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGXCPU };

uint64_t ks_signals_bare;

static void note(bool bare)
{
	if (ks.on)
		ks.head->bare = bare;
}

static void give_back(void)
{
	uint64_t blocked = ~0ull;

	ks_signals_take_again();
	ks_sys(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &blocked, sizeof(blocked));
	for (size_t i = 0; i < sizeof(sent); i++) {
		const uint64_t bit = 1ull << (sent[i] - 1);

		if (!(blocked & bit) && ks_signal_give_back(sent[i]))
			ks_signals_bare |= bit;
	}
	if (ks_signals_bare)
		note(true);
}

void ks_signals_take_again_slowly(void)
{
	const uint64_t bare = ks_signals_bare;
	int error = errno;

	if (!ks_mine())
		return;			/* the child */
	ks_signals_bare = 0;
	for (size_t i = 0; i < sizeof(sent); i++) {
		if (bare >> (sent[i] - 1) & 1)
			ks_signal_take(sent[i]);
	}
	note(false);
	errno = error;
}

/* What it returns cannot be known here; the child is seen again when it ends. */
KS_TAIL_JUMP(vfork);
void *ks_before_vfork(uintptr_t a0, uintptr_t a1, uintptr_t a2, uintptr_t a3, uintptr_t caller,
		      uintptr_t sp)
{
	int error = errno;

	(void)a0, (void)a1, (void)a2, (void)a3, (void)sp;
	if (ks.chosen && ks_mine()) {
		ks_child_made("vfork", 0, caller, NULL);
		if (ks_signals_virtual && (!ks.on || ks.head->threads <= 1))
			give_back();
	}
	errno = error;
	return (void *)REAL(vfork);
}
