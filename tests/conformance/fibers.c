/* SPDX-License-Identifier: MIT */
/*
 * Stacks of the program's own: makecontext/swapcontext, a switch in assembly as greenlets and Boost.Context
 * have it, coroutines by sigaltstack; small ones, with malloc, dl calls, signals, writes and C exits on them,
 * in several threads, and moved from thread to thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define FIBERS 50

static __thread ucontext_t main_context;
static __thread int current;
static volatile int handled;

struct fiber {
	ucontext_t context;
	char *stack;
	int steps;
};

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

static void handler(int sig) { (void)sig; handled++; }

static void body(unsigned low, unsigned high)
{
	struct fiber *f = (struct fiber *)((uintptr_t)low | (uintptr_t)high << 32);

	for (int i = 0; i < 20; i++) {
		char *p = malloc((size_t)i * 9000 + 10);

		p[0] = 1;
		p = realloc(p, 400000);
		free(p);
		f->steps++;
		swapcontext(&f->context, &main_context);
	}
	for (;;)
		swapcontext(&f->context, &main_context);
}

static void make(struct fiber *f, size_t size, void (*what)(unsigned, unsigned))
{
	f->stack = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(f->stack, 4096, PROT_NONE);
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack + 4096;
	f->context.uc_stack.ss_size = size;
	f->context.uc_link = NULL;
	f->steps = 0;
	makecontext(&f->context, (void (*)(void))what, 2, (unsigned)(uintptr_t)f, (unsigned)((uintptr_t)f >> 32));
}

static void *many(void *arg)
{
	struct fiber *fibers = calloc(FIBERS, sizeof(*fibers));
	long sum = 0;

	for (int i = 0; i < FIBERS; i++)
		make(&fibers[i], 16384, body);
	for (int round = 0; round < 25; round++)
		for (int i = 0; i < FIBERS; i++)
			swapcontext(&main_context, &fibers[(i * 7) % FIBERS].context);
	for (int i = 0; i < FIBERS; i++) {
		sum += fibers[i].steps;
		munmap(fibers[i].stack, 16384 + 4096);
	}
	free(fibers);
	(void)arg;
	return (void *)sum;
}

/* What a fiber may do on a stack of this size; the plain run shows that it is enough. */
static void does(unsigned low, unsigned high)
{
	struct fiber *f = (struct fiber *)((uintptr_t)low | (uintptr_t)high << 32);
	void *h = NULL;
	int status;

	handled = 0;
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	if (write(1, "on a fiber\n", 11) < 0)
		_exit(9);
	f->steps += handled;
	if (current > 10000) {
		h = dlopen("libm.so.6", RTLD_NOW);
		f->steps += dlsym(h, "cos") != NULL;
		f->steps += dlopen("libno_such_thing.so", RTLD_NOW) == NULL;
		f->steps += dlerror() != NULL;
		dlclose(h);
		fprintf(stderr, "%s", "");
		printf("printed on a fiber %d\n", f->steps);
		fflush(stdout);
		if (fork() == 0)
			_exit(3);
		f->steps += wait(&status) > 0 && status == 0x300;
		if (fork() == 0)
			abort();
		f->steps += wait(&status) > 0 && status == 6;
	}
	mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	swapcontext(&f->context, &main_context);
}

static void sizes(void)
{
	static const int more[] = { 1024, 4096, 12288, 28672, 61440 };
	struct fiber f;

	for (unsigned i = 0; i < sizeof(more) / sizeof(*more); i++) {
		size_t signal = getauxval(AT_MINSIGSTKSZ) ?: 5120;
		size_t size = (signal + (size_t)more[i] + 4095) & ~(size_t)4095;

		current = more[i];
		make(&f, size, does);
		swapcontext(&main_context, &f.context);
		printf("room for a signal and %d: steps %d\n", more[i], f.steps);
		fflush(stdout);
		munmap(f.stack, size + 4096);
	}
}

static struct fiber moving;

static void *next(void *arg)
{
	swapcontext(&main_context, &moving.context);
	return arg;
}

static void moved(unsigned low, unsigned high)
{
	(void)low, (void)high;
	for (;;) {
		free(malloc(700000));
		moving.steps++;
		/* main_context is of the thread that runs it now */
		ucontext_t *volatile back = &main_context;
		swapcontext(&moving.context, back);
	}
}

/* A coroutine by the old trick: a handler on an alternate stack that one jumps out of and back into. */
static char alt[65536];
static sigjmp_buf out, in;
static volatile int entered;

static void trampoline(int sig)
{
	(void)sig;
	if (sigsetjmp(in, 0) == 0)
		return;
	entered++;
	free(malloc(500000));
	siglongjmp(out, 1);
}

static void by_altstack(void)
{
	stack_t s = { .ss_sp = alt, .ss_size = sizeof(alt) }, old;
	struct sigaction a = { .sa_handler = trampoline, .sa_flags = SA_ONSTACK };

	sigaltstack(&s, &old);
	sigaction(SIGUSR2, &a, NULL);
	raise(SIGUSR2);
	sigaltstack(&old, NULL);
	printf("old stack: %d %zu\n", old.ss_flags, old.ss_size);
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(out, 0) == 0)
			siglongjmp(in, 1);
	printf("entered %d\n", entered);
}

int main(void)
{
	pthread_t threads[3];
	void *steps;
	int status;

	signal(SIGUSR1, handler);
	printf("main: %ld\n", (long)many(NULL));
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, many, NULL);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &steps);
		printf("thread: %ld\n", (long)steps);
	}
	fflush(stdout);
	sizes();
	make(&moving, 32768, moved);
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[0], NULL, next, NULL);
		pthread_join(threads[0], NULL);
	}
	printf("moved: %d\n", moving.steps);
	fflush(stdout);
	by_altstack();
	fflush(stdout);
	if (fork() == 0) {	/* a death on a fiber */
		make(&moving, 16384, (void (*)(unsigned, unsigned))abort);
		swapcontext(&main_context, &moving.context);
	}
	wait(&status);
	printf("abort on a fiber: %x\n", status);
	return 0;
}
