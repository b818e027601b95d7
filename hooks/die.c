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
 * calls, another thread that has set the signal at that moment) ends here, however that may be.
 */
static struct gone {
	uint32_t tid, times;
	int sig;
} gone[64];

static struct gone *gone_of(uint32_t tid)
{
	return &gone[tid % (sizeof(gone) / sizeof(*gone))];
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

	*gone_of(tid) = (struct gone){ tid, 0, sig };
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
	struct gone *g = gone_of(tid);

	if (g->tid != tid)
		return;
	if (g->times++)
		ks_die_at_once(g->sig);
	ks_die_here(g->sig, info->si_signo == g->sig ? info : NULL);
}
