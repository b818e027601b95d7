/* SPDX-License-Identifier: MIT */
/* build: -rdynamic */
/* What a handler gets and what it may do: arguments, masks, flags, jumps, repairs. */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int depth, deepest, calls;
static volatile unsigned long seen_mask;
static siginfo_t seen;
static char *page;
static volatile int on_alt, frames;
static char alt[65536];

static unsigned long mask_now(void)
{
	sigset_t s;
	unsigned long m;

	pthread_sigmask(SIG_BLOCK, NULL, &s);
	memcpy(&m, &s, sizeof(m));
	return m;
}

static void simple(int sig)
{
	char here;

	calls++;
	seen_mask = mask_now();
	on_alt = &here >= alt && &here < alt + sizeof(alt);
	if (depth++ < 3 && calls < 10 && sig == SIGUSR1)
		raise(sig);
	if (depth > deepest)
		deepest = depth;
	depth--;
	errno = 4711;
}

static void full(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	calls++;
	seen = *info;
	memcpy((void *)&seen_mask, &uc->uc_sigmask, sizeof(seen_mask));
	(void)sig;
}

static void jump(int sig)
{
	siglongjmp(back, sig);
}

static void repair(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	calls++;
	mprotect((void *)((unsigned long)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

static void trace(int sig)
{
	void *pcs[64];
	int n = backtrace(pcs, 64);
	char **text = backtrace_symbols(pcs, n);

	(void)sig;
	for (int i = 0; i < n && i < 4; i++) {
		char *p = strchr(text[i], '(');

		printf("  frame %d %.*s\n", i, p ? (int)strcspn(p, "+)") : 0, p ? p : "");
	}
	frames = n;
	free(text);
}

static void use(int sig, void (*f)(int), int flags, int also)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	if (also)
		sigaddset(&a.sa_mask, also);
	sigaction(sig, &a, NULL);
	calls = deepest = depth = 0;
	seen_mask = 0;
}

static const char *now(int sig)
{
	struct sigaction a;

	sigaction(sig, NULL, &a);
	return a.sa_handler == SIG_DFL ? "DFL" : a.sa_handler == SIG_IGN ? "IGN" : "handler";
}

static void faults(void)
{
	volatile int zero = 0, one = 1;

	for (int i = 0; i < 3; i++) {
		int sig = sigsetjmp(back, 1);

		if (!sig)
			*(volatile int *)(uintptr_t)(i * 16) = 1;
		printf("segv came back %d mask %#lx\n", sig, mask_now());
	}
#if defined(__x86_64__)
	use(SIGFPE, jump, 0, 0);
	if (!sigsetjmp(back, 1))
		zero = one / zero;
	printf("fpe came back\n");
#endif
	use(SIGILL, jump, SA_NODEFER, 0);
	use(SIGTRAP, jump, SA_NODEFER, 0);	/* what __builtin_trap raises on aarch64 */
	if (!sigsetjmp(back, 0))
		__builtin_trap();
	printf("ill came back %d\n", zero);
}

static void *thread(void *unused)
{
	(void)unused;
	if (!sigsetjmp(back, 1))
		*(volatile int *)8 = 1;
	printf("segv in a thread came back, mask %#lx\n", mask_now());
	pthread_kill(pthread_self(), SIGUSR2);
	printf("thread: calls %d alt %d\n", calls, on_alt);
	return NULL;
}

int main(void)
{
	struct itimerval t = { .it_value = { 0, 50000 } };
	union sigval v = { .sival_int = 77 };
	pthread_t other;
	int pipes[2];
	char byte;

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	use(SIGUSR1, simple, 0, SIGHUP);
	raise(SIGUSR1);
	printf("plain: calls %d deepest %d mask %#lx errno %d\n", calls, deepest, seen_mask, errno);
	use(SIGUSR1, simple, SA_NODEFER, SIGHUP);
	raise(SIGUSR1);
	printf("nodefer: calls %d deepest %d mask %#lx\n", calls, deepest, seen_mask);
	use(SIGUSR2, simple, (int)SA_RESETHAND, 0);
	raise(SIGUSR2);
	printf("resethand: calls %d now %s\n", calls, now(SIGUSR2));
	use(SIGCHLD, simple, (int)SA_RESETHAND | SA_RESTART, 0);
	raise(SIGCHLD);
	raise(SIGCHLD);
	printf("resethand chld: calls %d now %s\n", calls, now(SIGCHLD));
	use(SIGUSR2, (void (*)(int))full, SA_SIGINFO, 0);
	kill(getpid(), SIGUSR2);
	printf("kill: signo %d code %d pid %d uid %d mask %#lx\n", seen.si_signo, seen.si_code, seen.si_pid == getpid(), seen.si_uid == getuid(), seen_mask);
	sigqueue(getpid(), SIGUSR2, v);
	printf("sigqueue: code %d value %d\n", seen.si_code, seen.si_value.sival_int);
	raise(SIGUSR2);
	printf("raise: code %d pid %d\n", seen.si_code, seen.si_pid == getpid());
	use(SIGALRM, (void (*)(int))full, SA_SIGINFO, 0);
	if (pipe(pipes))
		return 1;
	setitimer(ITIMER_REAL, &t, NULL);
	errno = 0;
	printf("read without restart: %zd errno %d code %d\n", read(pipes[0], &byte, 1), errno, seen.si_code);
	signal(SIGALRM, simple);
	setitimer(ITIMER_REAL, &t, NULL);
	siginterrupt(SIGALRM, 1);
	printf("read interrupted: %zd\n", read(pipes[0], &byte, 1));
	use(SIGSEGV, (void (*)(int))repair, SA_SIGINFO, 0);
	page[10] = 3;
	printf("repaired: calls %d byte %d\n", calls, page[10]);
	use(SIGSEGV, (void (*)(int))full, (int)(SA_SIGINFO | SA_RESETHAND), 0);
	use(SIGSEGV, jump, 0, 0);
	faults();
	use(SIGUSR1, trace, 0, 0);
	raise(SIGUSR1);
	use(SIGUSR2, simple, SA_ONSTACK, 0);
	raise(SIGUSR2);
	printf("onstack without a stack: alt %d\n", on_alt);
	pthread_create(&other, NULL, thread, NULL);
	pthread_join(other, NULL);
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };

	sigaltstack(&s, NULL);
	raise(SIGUSR2);
	printf("onstack: alt %d\n", on_alt);
	use(SIGUSR2, simple, 0, 0);
	raise(SIGUSR2);
	printf("not onstack: alt %d\n", on_alt);
	signal(SIGTERM, SIG_IGN);
	kill(getpid(), SIGTERM);
	printf("ignored, %s\n", now(SIGTERM));
	return 0;
}
