/* SPDX-License-Identifier: MIT */
/*
 * Signals and timers that this process sends.
 *
 * A signal to ourselves is noted before it is sent: it may be the end. What goes to others is
 * also kept in a small table, so that whoever sees a child end can say that we had asked for
 * it (ks_signals_sent_to). All of these functions may be called in handlers and vfork children.
 */
#include "hooks/signal.h"
#include "hooks/version.h"

#include <time.h>

#include "shim/safe.h"

/* glibc 2.36 and later declare it, in <sys/pidfd.h>, which clashes with the kernel's headers. */
int pidfd_send_signal(int fd, int sig, siginfo_t *info, unsigned flags);

#define TARGETS 32

static struct target {
	int pid;			/* 0: unused; the leader, where a group was meant */
	uint32_t signals[4];		/* newest first */
	uint64_t realtime;		/* of the newest, ns since 1970 */
} targets[TARGETS];

static uint64_t now(void)
{
	struct timespec t = { 0, 0 };

	ks_sys(SYS_clock_gettime, CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The entry of pid, or else the oldest one. */
static struct target *find(int pid)
{
	struct target *oldest = &targets[0];

	for (int i = 0; i < TARGETS; i++) {
		struct target *t = &targets[i];

		if (t->pid == pid)
			return t;
		if (t->realtime < oldest->realtime)
			oldest = t;
	}
	return oldest;
}

static void remember(int pid, int sig)
{
	struct target *t = find(pid);

	if (t->pid != pid) {
		memset(t->signals, 0, sizeof(t->signals));
		t->pid = pid;
	}
	memmove(t->signals + 1, t->signals, sizeof(t->signals) - sizeof(t->signals[0]));
	t->signals[0] = (uint32_t)sig;
	t->realtime = now();
}

void ks_signals_sent_to(int pid, uint32_t out[4], uint64_t *realtime)
{
	const struct target *t = find(pid);
	const bool known = t->pid == pid;

	for (int i = 0; i < 4; i++)
		out[i] = known ? t->signals[i] : 0;
	*realtime = known ? t->realtime : 0;
}

enum scope { PROCESS, GROUP, THREAD };

static bool recorded(int sig)
{
	return sig > 0 && ks.on && ks_mine();
}

static void emit(const char *function, int target, int sig, int result, uintptr_t caller, bool self)
{
	KS_EMIT(signal_sent, .function = ks_text(function), .target = target, .signal = sig, .result = result,
		.caller = caller, .stack = self && !ks_in_handler() ? ks_callers() : 0);
}

/* Programs that signal all day (timers, profilers) keep the first ones and then ever fewer. */
static bool often(int sig)
{
	static uint32_t sent[KS_SIGNALS];
	uint32_t n;

	if (sig >= KS_SIGNALS)
		return true;
	n = __atomic_add_fetch(&sent[sig], 1, __ATOMIC_RELAXED);
	return n > 64 && (n & (n - 1));
}

/* Before the call. target: as kill(2) has it for PROCESS; group or thread id. Returns whether after() is to follow. */
static bool before(const char *function, enum scope scope, int target, int sig, uintptr_t caller)
{
	int error = errno;
	bool self, later = false;

	ks_signals_take_again();
	/* A forked child's last chance to begin a recording. */
	if (sig == SIGKILL && scope == PROCESS && !ks.on && ks.chosen && ks_mine() && target == ks.pid)
		ks_wake();
	if (!recorded(sig)) {
		errno = error;
		return false;
	}
	self = scope == PROCESS ? target == ks.pid || target == 0 || target == -1 : scope == THREAD || target == 0;
	if (scope != THREAD && target != ks.pid && target != 0 && target != -1)
		remember(target < 0 ? -target : target, sig);
	if (!often(sig)) {
		if (self)
			emit(function, target, sig, 0, caller, true);
		later = !self;
	}
	errno = error;
	return later;
}

static int after(bool wanted, const char *function, int target, int sig, int rc, uintptr_t caller)
{
	int error = errno;

	if (wanted)
		emit(function, target, sig, rc == 0 ? 0 : -error, caller, false);
	errno = error;
	return rc;
}

/* --- the hooks --- */

KS_EXPORT int kill(pid_t pid, int sig)
{
	bool later = before("kill", PROCESS, pid, sig, KS_CALLER());

	return after(later, "kill", pid, sig, REAL(kill)(pid, sig), KS_CALLER());
}

KS_EXPORT int killpg(pid_t group, int sig)
{
	bool later = before("killpg", GROUP, group, sig, KS_CALLER());

	return after(later, "killpg", group, sig, REAL(killpg)(group, sig), KS_CALLER());
}

KS_EXPORT int tgkill(pid_t pid, pid_t tid, int sig)
{
	bool later = before("tgkill", pid == ks.pid ? THREAD : PROCESS, pid == ks.pid ? tid : pid, sig, KS_CALLER());

	return after(later, "tgkill", pid, sig, REAL(tgkill)(pid, tid, sig), KS_CALLER());
}

KS_EXPORT int sigqueue(pid_t pid, int sig, const union sigval value)
{
	bool later = before("sigqueue", PROCESS, pid, sig, KS_CALLER());

	return after(later, "sigqueue", pid, sig, REAL(sigqueue)(pid, sig, value), KS_CALLER());
}

KS_EXPORT int raise(int sig)
{
	before("raise", THREAD, (int)ks_tid(), sig, KS_CALLER());
	return REAL(raise)(sig);
}

/* The old version and the new differ in what they say of a thread that has ended. */
KS_EXPORT int pthread_kill(pthread_t thread, int sig)
{
	int rc;

	before("pthread_kill", THREAD, thread == pthread_self() ? (int)ks_tid() : 0, sig, KS_CALLER());
	if (!ks_old_versions()->pthread_kill)
		return REAL(pthread_kill)(thread, sig);
	rc = ks_old_versions()->pthread_kill(thread, sig);
	return rc == ESRCH && !ks_wants_old(KS_CALLER(), "pthread_kill") ? REAL(pthread_kill)(thread, sig) : rc;
}

KS_EXPORT int pthread_sigqueue(pthread_t thread, int sig, const union sigval value)
{
	before("pthread_sigqueue", THREAD, thread == pthread_self() ? (int)ks_tid() : 0, sig, KS_CALLER());
	return REAL(pthread_sigqueue)(thread, sig, value);
}

/* The process behind a pidfd: /proc/self/fdinfo/FD, "Pid:\t123" (pidfd_open(2)). */
static int pid_of(int fd)
{
	char path[64], text[256], *end = path + sizeof(path);
	const char *p;

	ks_put_dec(ks_put(path, end, "/proc/self/fdinfo/"), end, (uint64_t)fd, 1);
	if (ks_read_file(path, text, sizeof(text)) <= 0)
		return 0;
	p = strstr(text, "Pid:\t");
	return p ? (int)ks_number(p + 5, NULL) : 0;
}

KS_EXPORT int pidfd_send_signal(int fd, int sig, siginfo_t *info, unsigned flags)
{
	int pid = recorded(sig) ? pid_of(fd) : 0;
	bool later = pid && before("pidfd_send_signal", PROCESS, pid, sig, KS_CALLER());

	return after(later, "pidfd_send_signal", pid, sig, REAL(pidfd_send_signal)(fd, sig, info, flags), KS_CALLER());
}

/* --- timers --- */

static void note_timer(const char *function, uint64_t microseconds, uintptr_t caller)
{
	static uint32_t count;
	int error = errno;
	uint32_t n;

	if (!ks.on || !ks_mine())
		return;
	n = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	if (n <= 64 || !(n & (n - 1)))
		KS_EMIT(timer_set, .function = ks_text(function), .microseconds = microseconds, .caller = caller);
	errno = error;
}

KS_EXPORT unsigned alarm(unsigned seconds)
{
	note_timer("alarm", seconds * 1000000ull, KS_CALLER());
	return REAL(alarm)(seconds);
}

KS_EXPORT int setitimer(ks_itimer_which which, const struct itimerval *new, struct itimerval *old)
{
	static const char *const names[] = { "setitimer ITIMER_REAL", "setitimer ITIMER_VIRTUAL", "setitimer ITIMER_PROF" };

	struct itimerval timer;

	/* A bad pointer is the kernel's to refuse. */
	if (ks.on && new && (unsigned)which < 3 && ks_read_memory((uintptr_t)new, &timer, sizeof(timer)) == sizeof(timer))
		note_timer(names[which],
			   (uint64_t)timer.it_value.tv_sec * 1000000 + (uint64_t)timer.it_value.tv_usec, KS_CALLER());
	return REAL(setitimer)(which, new, old);
}
