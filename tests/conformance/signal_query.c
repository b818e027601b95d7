/* SPDX-License-Identifier: MIT */
/* Every way to set a disposition, and what a query tells afterwards: all fields of the old action. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>


static void one(int sig) { (void)sig; }
static void two(int sig) { (void)sig; }
static void three(int sig, siginfo_t *info, void *context) { (void)sig; (void)info; (void)context; }

static const char *name(void (*f)(int))
{
	return f == SIG_DFL ? "DFL" : f == SIG_IGN ? "IGN" : f == SIG_ERR ? "ERR" : f == SIG_HOLD ? "HOLD" :
	       f == one ? "one" : f == two ? "two" : f == (void (*)(int))three ? "three" : "?";
}

/* glibc hands the kernel what was on its stack where the CPU needs no restorer. */
#if defined(__x86_64__)
#define RESTORER(a) ((a).sa_restorer != NULL)
#else
#define RESTORER(a) 1
#endif

static void show(const char *what, int sig)
{
	struct sigaction a;
	unsigned long mask = 0;

	memset(&a, 0x5a, sizeof(a));
	errno = 0;
	int rc = sigaction(sig, NULL, &a);

	memcpy(&mask, &a.sa_mask, sizeof(mask));
	if (rc)
		printf("%s %d: rc %d errno %d\n", what, sig, rc, errno);
	else
		printf("%s %d: %s flags %#x mask %#lx restorer %d errno %d\n", what, sig, name(a.sa_handler),
		       (unsigned)a.sa_flags, mask, RESTORER(a), errno);
}

static void set(int sig, void (*f)(int), int flags, int masked)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags }, old;

	if (masked) {
		sigfillset(&a.sa_mask);
		sigdelset(&a.sa_mask, SIGCHLD);
	}
	memset(&old, 0, sizeof(old));
	int rc = sigaction(sig, &a, &old);

	printf("set %d %s %#x: rc %d old %s %#x\n", sig, name(f), (unsigned)flags, rc, name(old.sa_handler), (unsigned)old.sa_flags);
	show("  now", sig);
}

int main(void)
{
	static const int sigs[] = { SIGSEGV, SIGTERM, SIGCHLD, SIGUSR1, SIGTSTP, SIGABRT, 34, 64 };

	for (int s = -1; s <= 66; s++)
		show("start", s);
	for (unsigned i = 0; i < sizeof(sigs) / sizeof(*sigs); i++) {
		int s = sigs[i];

		set(s, one, 0, 0);
		set(s, (void (*)(int))three, SA_SIGINFO | SA_RESTART, 1);
		set(s, two, SA_ONSTACK | SA_NODEFER | SA_RESETHAND, 0);
		set(s, SIG_DFL, SA_RESTART, 1);
		set(s, SIG_IGN, SA_NODEFER | SA_ONSTACK, 1);
		set(s, one, 0x20000000 | 0x400 | 0x800, 0);
		set(s, SIG_DFL, 0, 0);
		set(s, SIG_DFL, SA_SIGINFO | SA_NOCLDSTOP | SA_NOCLDWAIT, 0);
		printf("signal %s\n", name(signal(s, one)));
		show("signal", s);
		printf("siginterrupt %d\n", siginterrupt(s, 1));
		show("interrupt", s);
		printf("signal %s\n", name(signal(s, two)));
		show("signal", s);
		printf("siginterrupt %d\n", siginterrupt(s, 0));
		show("interrupt", s);
		printf("signal %s\n", name(signal(s, SIG_IGN)));
		show("signal", s);
		printf("sysv %s\n", name(__sysv_signal(s, one)));
		show("sysv", s);
		printf("sysv2 %s\n", name(sysv_signal(s, SIG_DFL)));
		show("sysv2", s);
		printf("siginterrupt %d\n", siginterrupt(s, 1));
		show("interrupt", s);
		printf("ssignal %s\n", name(ssignal(s, two)));
		show("ssignal", s);
		printf("sigset %s\n", name(sigset(s, one)));
		printf("sigset hold %s\n", name(sigset(s, SIG_HOLD)));
		show("sigset", s);
		printf("sigset hold %s\n", name(sigset(s, SIG_HOLD)));
		printf("sigset dfl %s\n", name(sigset(s, SIG_DFL)));
		printf("sigset two %s\n", name(sigset(s, two)));
		printf("sigignore %d\n", sigignore(s));
		show("sigignore", s);
		printf("signal %s\n", name(signal(s, SIG_DFL)));
		show("signal", s);
	}
	for (int s = -1; s < 70; s += 3) {
		struct sigaction a = { .sa_handler = one };

		errno = 0;
		printf("bad %d: %d", s, sigaction(s, &a, NULL));
		printf(" %d", errno);
		errno = 0;
		printf(" signal %s", name(signal(s, two)));
		printf(" %d", errno);
		errno = 0;
		printf(" err %s", name(signal(s, SIG_ERR)));
		printf(" %d", errno);
		errno = 0;
		printf(" sigset %s", name(sigset(s, one)));
		printf(" %d", errno);
		errno = 0;
		printf(" ignore %d", sigignore(s));
		printf(" %d\n", errno);
	}
	errno = 0;
	printf("kill: %d", sigaction(SIGKILL, &(struct sigaction){ .sa_handler = one }, NULL));
	printf(" %d", errno);
	printf(" null: %d %d\n", sigaction(SIGTERM, NULL, NULL), sigaction(32, NULL, NULL));
	/* act and oact may be the same. */
	struct sigaction same = { .sa_handler = one, .sa_flags = SA_RESTART };

	signal(SIGHUP, two);
	printf("same: %d %s\n", sigaction(SIGHUP, &same, &same), name(same.sa_handler));
	show("same", SIGHUP);
	return 0;
}
