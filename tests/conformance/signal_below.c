/* SPDX-License-Identifier: MIT */
/* build: -rdynamic -fexceptions -fno-omit-frame-pointer */
/* The main thread has an alternate stack, another thread has none: handlers with SA_ONSTACK run on its own stack. */
#define _GNU_SOURCE
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static char alt[65536];
static sigjmp_buf back;
static char *low, *high, *page;
static volatile int calls, inside, nested;

static int on_stack(const char *p)
{
	return p >= low && p < high;
}

static void second(int sig, siginfo_t *info, void *context)
{
	char here;

	(void)sig;
	(void)context;
	nested += on_stack(&here) && info->si_code == SI_TKILL;
}

static void first(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	char here, keep[4096];
	stack_t s;

	memset(keep, 5, sizeof(keep));
	calls++;
	inside += on_stack(&here);
	sigaltstack(NULL, &s);
	if (s.ss_flags != SS_DISABLE || info->si_signo != sig || uc->uc_link)
		printf("odd: flags %d\n", s.ss_flags);
	raise(SIGUSR2);
	raise(SIGUSR2);
	for (unsigned i = 0; i < sizeof(keep); i++)
		if (keep[i] != 5)
			printf("overwritten\n");
}

static void jump(int sig) { siglongjmp(back, sig); }
static void repair(int sig) { (void)sig; calls++; mprotect(page, 4096, PROT_READ | PROT_WRITE); }
static void leave(int sig) { (void)sig; pthread_exit((void *)77); }

static void trace(int sig)
{
	void *pcs[64];
	int n = backtrace(pcs, 64), seen = 0;
	char **text = backtrace_symbols(pcs, n);

	(void)sig;
	for (int i = 0; i < n; i++)
		seen |= strstr(text[i], "thread_body") ? 1 : strstr(text[i], "deep") ? 2 : 0;
	printf("seen through the handler: %d\n", seen);
	free(text);
}

__attribute__((noinline)) void deep(int n)
{
	volatile char room[1000];

	room[0] = 1;
	if (n)
		deep(n - 1);
	else
		raise(SIGHUP);
	(void)room[0];
}

static void use(int sig, void (*f)(int), int flags)
{
	struct sigaction a = { .sa_handler = f, .sa_flags = flags | SA_ONSTACK };

	sigaction(sig, &a, NULL);
}

static void cleanup(void *p) { printf("cleaned %s\n", (char *)p); }

void *thread_body(void *mode)
{
	pthread_attr_t a;
	size_t size;
	void *at;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &at, &size);
	pthread_attr_destroy(&a);
	low = at;
	high = low + size;
	use(SIGUSR1, (void (*)(int))first, SA_SIGINFO);
	use(SIGUSR2, (void (*)(int))second, SA_SIGINFO);
	calls = inside = nested = 0;
	for (int i = 0; i < 10; i++)
		raise(SIGUSR1);
	printf("calls %d on its own stack %d nested %d\n", calls, inside, nested);
	use(SIGSEGV, repair, 0);
	mprotect(page, 4096, PROT_NONE);
	calls = 0;
	page[1] = 1;
	printf("repaired %d\n", calls);
	use(SIGHUP, trace, 0);
	deep(5);
	use(SIGSEGV, jump, 0);
	for (volatile int i = 0; i < 5; i++) {
		if (!sigsetjmp(back, 1))
			*(volatile int *)(uintptr_t)(8 * i) = 1;
		raise(SIGUSR1);
	}
	printf("calls %d on its own stack %d nested %d\n", calls, inside, nested);
	use(SIGTERM, leave, 0);
	pthread_cleanup_push(cleanup, "thread_body");
	if (mode)
		raise(SIGTERM);
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) };
	pthread_t t;
	void *result;

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	setvbuf(stdout, NULL, _IONBF, 0);
	sigaltstack(&s, NULL);
	for (intptr_t i = 0; i < 2; i++) {
		pthread_create(&t, NULL, thread_body, (void *)i);
		pthread_join(t, &result);
		printf("joined %ld\n", (long)(intptr_t)result);
	}
	return 0;
}
