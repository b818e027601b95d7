/* SPDX-License-Identifier: MIT */
/*
 * Handlers that are left by siglongjmp, longjmp and setcontext instead of returning: thousands of times, nested,
 * on alternate stacks, in threads, out of faults, aborts and timers, with SA_NODEFER and SA_RESETHAND; nothing adds up,
 * and what comes afterwards, a handler, a query, an alternate stack, a death, is as it was before.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static __thread sigjmp_buf back;
static __thread ucontext_t context;
static __thread volatile int depth, count;

static void out(int sig) { count++; siglongjmp(back, sig); }

static void nested(int sig)
{
	count++;
	if (++depth < 20)
		raise(sig);
	siglongjmp(back, depth);
}

static void by_context(int sig) { (void)sig; count++; setcontext(&context); }
static void quiet(int sig) { (void)sig; count++; }

static void use(int sig, void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags };

	sigaction(sig, &a, NULL);
}

static unsigned long mask(void)
{
	unsigned long m = 0;
	sigset_t s;

	pthread_sigmask(SIG_BLOCK, NULL, &s);
	memcpy(&m, &s, sizeof(m));
	return m;
}

static void after(const char *what)
{
	stack_t s;

	sigaltstack(NULL, &s);
	count = 0;
	raise(SIGHUP);
	printf("%s: mask %lx altstack %d %zu, then handled %d\n", what, mask(), s.ss_flags, s.ss_size, count);
}

static void faults(int n, int save)
{
	volatile int came = 0;

	for (volatile int i = 0; i < n; i++) {
		int sig = sigsetjmp(back, save);

		if (!sig)
			*(volatile int *)8 = 1;
		came += sig == SIGSEGV;
	}
	printf("%d faults: back %d, counted %d\n", n, came, count);
}

static void all(const char *who)
{
	char *alt = malloc(65536);
	stack_t s = { .ss_sp = alt, .ss_size = 65536 }, old, off = { .ss_flags = SS_DISABLE };
	volatile int i;

	printf("== %s\n", who);
	count = 0;
	use(SIGSEGV, out, 0);
	faults(3000, 1);
	after("masked");
	use(SIGSEGV, out, SA_NODEFER);
	faults(3000, 0);
	after("not deferred");
	sigaltstack(&s, &old);
	use(SIGSEGV, out, SA_ONSTACK | SA_NODEFER);
	faults(3000, 0);
	after("alternate stack");
	sigaltstack(&off, NULL);
	count = depth = 0;
	use(SIGUSR1, nested, SA_NODEFER);
	for (i = 0; i < 300; i++) {
		depth = 0;
		if (!sigsetjmp(back, 1))
			raise(SIGUSR1);
	}
	printf("nested: %d\n", count);
	after("nested");
	use(SIGUSR1, by_context, 0);
	i = 0;
	getcontext(&context);
	if (i++ < 300)
		raise(SIGUSR1);
	printf("by context: %d\n", count);
	after("by context");
	for (i = 0; i < 100; i++) {
		use(SIGUSR2, out, (int)SA_RESETHAND);
		if (!sigsetjmp(back, 1))
			raise(SIGUSR2);
	}
	after("once only");
	use(SIGABRT, out, 0);
	for (i = 0; i < 100; i++)
		if (!sigsetjmp(back, 1))
			abort();
	printf("aborts: back %d\n", i);
	after("aborts");
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	free(alt);
}

static void *thread(void *arg) { all(arg); return NULL; }

static void deaths(void)
{
	for (int how = 0; how < 3; how++) {
		int status;

		fflush(stdout);
		if (fork() == 0) {
			use(SIGSEGV, out, 0);
			faults(10, 1);
			fflush(stdout);
			signal(SIGSEGV, SIG_DFL);
			if (how == 0)
				*(volatile int *)8 = 1;
			if (how == 1)
				abort();
			use(SIGSEGV, out, 0);
			raise(SIGTERM);
		}
		wait(&status);
		printf("death %d: %x\n", how, status);
	}
}

int main(void)
{
	struct itimerval t = { .it_interval = { 0, 1000 }, .it_value = { 0, 1000 } }, none = { 0 };
	pthread_t p;
	volatile int came = 0;

	use(SIGHUP, quiet, 0);
	all("main");
	pthread_create(&p, NULL, thread, "a thread");
	pthread_join(p, NULL);
	use(SIGALRM, out, 0);
	count = 0;
	while (sigsetjmp(back, 1) != 0 || came == 0) {
		if (++came == 1)
			setitimer(ITIMER_REAL, &t, NULL);
		if (count >= 50)
			break;
		for (;;)
			pause();
	}
	setitimer(ITIMER_REAL, &none, NULL);
	printf("timer: %d\n", count >= 50);
	use(SIGALRM, quiet, 0);
	deaths();
	return 0;
}
