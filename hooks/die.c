/* SPDX-License-Identifier: MIT */
/*
 * The last step of deliver.c: the process ends by the signal that it would have ended by.
 *
 * A fault of the CPU happens again under SIG_DFL, anything else is sent again with its siginfo. What does not
 * work ends the process all the same: no thread comes by here three times. Straight system
 * calls, nothing that could fault, for the stack may be at its end.
 */
#include "hooks/signal.h"

#include <ucontext.h>

#include "shim/safe.h"

/* What the kernel reads in the last moments lies here and not on a stack: there nothing may fault. */
static const uint64_t default_action[4];	/* the kernel's struct sigaction: handler SIG_DFL, flags, restorer, mask */

static void set_default(int sig)
{
	ks_sys(SYS_rt_sigaction, sig, default_action, NULL, 8);
}

/* The same instruction will fault again, and the kernel then does and logs what it always does. */
static bool faults_again(int sig, const siginfo_t *info)
{
	return ks_is_fault(sig) && info->si_code > 0 && sig != SIGTRAP && sig != SIGSYS &&
	       !(sig == SIGBUS && info->si_code == BUS_MCEERR_AO);
}

/* info NULL: without one */
static bool send_again(int sig, const siginfo_t *info)
{
	int pid = ks_sys_getpid(), tid = ks_sys_gettid();

	return (info && ks_sys(SYS_rt_tgsigqueueinfo, pid, tid, sig, info) >= 0) || ks_sys(SYS_tgkill, pid, tid, sig) >= 0;
}

/*
 * Threads that have done what they could to die. One that comes back nevertheless (an emulator, a filter of system
 * calls, another thread that has set the signal at that moment) ends here, however that may be. One word each, since
 * a signal may come between two stores: tid, how often it was back, signal.
 */
static uint64_t gone[64];

static uint64_t *gone_of(uint32_t tid)
{
	return &gone[tid % (sizeof(gone) / sizeof(*gone))];
}

static void set_gone(uint32_t tid, bool was_back, int sig)
{
	__atomic_store_n(gone_of(tid), (uint64_t)tid << 32 | (was_back ? 256u : 0) | (uint32_t)sig, __ATOMIC_RELAXED);
}

void ks_die_at_once(int sig)
{
	for (;;)
		ks_sys(SYS_exit_group, 128 + sig);
}

/* In the middle of the crash path, or behind it: no way back to the first fault. */
void ks_die_here(int sig, const siginfo_t *info)
{
	static uint64_t mask;

	mask = 1ull << (sig - 1);
	set_default(sig);
	send_again(sig, info);
	ks_sys(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, 8);
	ks_die_at_once(sig);
}

void ks_die(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	const uint32_t tid = (uint32_t)ks_sys_gettid();

	set_gone(tid, false, sig);
	set_default(sig);
	if (faults_again(sig, info))
		return;
	if (!send_again(sig, info))
		ks_die_at_once(sig);
	/* It is blocked now, and delivered when the mask of the interrupted code is back; sigsuspend
	 * and kin have left there a mask that may hold it. */
	sigdelset(&uc->uc_sigmask, sig);
}

/* What it has recorded is what it dies of, whatever comes in between. */
void ks_die_if_back(const siginfo_t *info)
{
	const uint32_t tid = (uint32_t)ks_sys_gettid();
	const uint64_t g = __atomic_load_n(gone_of(tid), __ATOMIC_RELAXED);
	const int sig = g & 255;

	if (g >> 32 != tid)
		return;
	if (g & 256)
		ks_die_at_once(sig);
	set_gone(tid, true, sig);
	ks_die_here(sig, info->si_signo == sig ? info : NULL);
}
