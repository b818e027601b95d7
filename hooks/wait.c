/* SPDX-License-Identifier: MIT */
/*
 * The wait family: which child ended, and how. Results, errno and what the caller sees are the
 * real function's; where the caller does not want the status, a place of ours takes it.
 *
 * Any thread, also in a SIGCHLD handler. A child that ended badly is looked after by witness.c.
 */
#include "hooks/process.h"

#include "hooks/signal.h"
#include "shim/safe.h"

static void ended(int pid, int status)
{
	const int error = errno;

	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		if (ks_child_worth_noting(&ks.head->children_ended))
			KS_EMIT(child_end, .pid = pid, .status = status);
	} else if (ks_mine()) {
		ks_witness_child(pid, status);
	}
	if (errno != error)
		errno = error;
}

static inline void told(pid_t pid, int status)
{
	if (pid > 0 && ks.on && (WIFEXITED(status) || WIFSIGNALED(status)))
		ended(pid, status);
}

KS_EXPORT pid_t wait(int *status)
{
	int own = 0;
	pid_t pid;

	ks_signals_take_again();
	pid = REAL(wait)(status ? status : &own);

	if (pid > 0)
		told(pid, status ? *status : own);
	return pid;
}

KS_EXPORT pid_t waitpid(pid_t which, int *status, int options)
{
	int own = 0;
	pid_t pid;

	ks_signals_take_again();
	pid = REAL(waitpid)(which, status ? status : &own, options);

	if (pid > 0)
		told(pid, status ? *status : own);
	return pid;
}

KS_EXPORT pid_t wait3(int *status, int options, struct rusage *usage)
{
	int own = 0;
	pid_t pid;

	ks_signals_take_again();
	pid = REAL(wait3)(status ? status : &own, options, usage);

	if (pid > 0)
		told(pid, status ? *status : own);
	return pid;
}

KS_EXPORT pid_t wait4(pid_t which, int *status, int options, struct rusage *usage)
{
	int own = 0;
	pid_t pid;

	ks_signals_take_again();
	pid = REAL(wait4)(which, status ? status : &own, options, usage);

	if (pid > 0)
		told(pid, status ? *status : own);
	return pid;
}

/* With WNOWAIT the child stays, and will be told again. */
KS_EXPORT int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	siginfo_t own = {0};
	siginfo_t *to = info ? info : &own;
	int rc;

	ks_signals_take_again();
	rc = REAL(waitid)(type, id, to, options);

	if (rc == 0 && to->si_pid > 0 && !(options & WNOWAIT)) {
		if (to->si_code == CLD_EXITED)
			told(to->si_pid, (to->si_status & 0xff) << 8);
		else if (to->si_code == CLD_KILLED || to->si_code == CLD_DUMPED)
			told(to->si_pid,
			     (to->si_status & 0x7f) | (to->si_code == CLD_DUMPED ? 0x80 : 0));
	}
	return rc;
}
