/* SPDX-License-Identifier: MIT */
/*
 * signal(3) and kin: sigaction with flags and mask of their own, as glibc has them in
 * sysdeps/posix/signal.c, sysv_signal.c, sigset.c, sigignore.c and sigintr.c. Where nothing is
 * virtualised they are one forward. Context as in hooks/signal.c.
 */
#include "hooks/signal.h"

/* Exported by glibc, declared by no header of its present versions. */
ks_sighandler bsd_signal(int sig, ks_sighandler handler);

static uint64_t interrupting;		/* siginterrupt(sig, 1) was called */

static ks_sighandler simple(int sig, ks_sighandler handler, int flags, bool masked, uintptr_t caller)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags }, old;

	if (handler == SIG_ERR || sig < 1 || sig >= KS_SIGNALS) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (masked)
		sigaddset(&act.sa_mask, sig);
	return ks_virtual_sigaction(sig, &act, &old, caller) < 0 ? SIG_ERR : old.sa_handler;
}

static ks_sighandler bsd(int sig, ks_sighandler handler, uintptr_t caller)
{
	bool interrupts = sig >= 1 && sig < KS_SIGNALS && (interrupting >> (sig - 1) & 1);

	return simple(sig, handler, interrupts ? 0 : SA_RESTART, true, caller);
}

static ks_sighandler sysv(int sig, ks_sighandler handler, uintptr_t caller)
{
	return simple(sig, handler, (int)SA_RESETHAND | SA_NODEFER | SA_INTERRUPT, false, caller);
}

KS_EXPORT ks_sighandler signal(int sig, ks_sighandler handler)
{
	return ks_signals_virtual ? bsd(sig, handler, KS_CALLER()) : REAL(signal)(sig, handler);
}

KS_EXPORT ks_sighandler bsd_signal(int sig, ks_sighandler handler)
{
	return ks_signals_virtual ? bsd(sig, handler, KS_CALLER()) : REAL(bsd_signal)(sig, handler);
}

KS_EXPORT ks_sighandler ssignal(int sig, ks_sighandler handler)
{
	return ks_signals_virtual ? bsd(sig, handler, KS_CALLER()) : REAL(ssignal)(sig, handler);
}

KS_EXPORT ks_sighandler sysv_signal(int sig, ks_sighandler handler)
{
	return ks_signals_virtual ? sysv(sig, handler, KS_CALLER()) : REAL(sysv_signal)(sig, handler);
}

KS_EXPORT ks_sighandler __sysv_signal(int sig, ks_sighandler handler)
{
	return ks_signals_virtual ? sysv(sig, handler, KS_CALLER()) : REAL(__sysv_signal)(sig, handler);
}

KS_EXPORT ks_sighandler sigset(int sig, ks_sighandler handler)
{
	struct sigaction old;
	ks_sighandler result;
	sigset_t one, mask;

	if (!ks_signals_virtual)
		return REAL(sigset)(sig, handler);
	sigemptyset(&one);
	if (sigaddset(&one, sig) < 0)
		return SIG_ERR;
	if (handler == SIG_HOLD) {
		if (sigprocmask(SIG_BLOCK, &one, &mask) < 0)
			return SIG_ERR;
		if (sigismember(&mask, sig))
			return SIG_HOLD;
		return ks_virtual_sigaction(sig, NULL, &old, 0) < 0 ? SIG_ERR : old.sa_handler;
	}
	result = simple(sig, handler, 0, false, KS_CALLER());
	if (result == SIG_ERR || sigprocmask(SIG_UNBLOCK, &one, &mask) < 0)
		return SIG_ERR;
	return sigismember(&mask, sig) ? SIG_HOLD : result;
}

KS_EXPORT int sigignore(int sig)
{
	struct sigaction act = { .sa_handler = SIG_IGN };

	return ks_signals_virtual ? ks_virtual_sigaction(sig, &act, NULL, KS_CALLER()) : REAL(sigignore)(sig);
}

/* The real one changes SA_RESTART of whatever the kernel has: with us that is ours. */
KS_EXPORT int siginterrupt(int sig, int flag)
{
	int rc = REAL(siginterrupt)(sig, flag);

	if (rc != 0 || sig < 1 || sig >= KS_SIGNALS)
		return rc;
	if (flag)
		__atomic_fetch_or(&interrupting, 1ull << (sig - 1), __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&interrupting, ~(1ull << (sig - 1)), __ATOMIC_RELAXED);
	if (ks_signals_virtual)
		ks_signal_restarts(sig, !flag);
	return rc;
}
