/* SPDX-License-Identifier: MIT */
/* env: LD_BIND_NOW=1 */
/*
 * Coroutines and signal handlers with little stack, below which nothing may be touched, do what a recorder looks at:
 * memory, failures, children that died, threads, signals, limits. (Bound at once: the loader needs 3 KiB itself.)
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define FIBER	(8 << 10)
#define LOADER	(12 << 10)	/* for what the loader does */
#define HANDLER	(5 << 10)	/* besides the signal frame */

static ucontext_t back, fiber;
static void (*work)(void);
static volatile int children, last;

static void *guarded(size_t size)
{
	char *p = mmap(NULL, size + 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(p + 65536, size, PROT_READ | PROT_WRITE);
	return p + 65536;
}

static void enter(void)
{
	work();
}

static void on_fiber(const char *what, void (*f)(void), size_t size)
{
	work = f;
	getcontext(&fiber);
	fiber.uc_stack.ss_sp = guarded(size);
	fiber.uc_stack.ss_size = size;
	fiber.uc_link = &back;
	makecontext(&fiber, enter, 0);
	swapcontext(&back, &fiber);
	printf("%s: %d\n", what, last);
	fflush(stdout);
}

static void big_blocks(void)
{
	for (int i = 0; i < 80; i++)
		memset(malloc(2 << 20), 1, 4096);
}

static void small_blocks(void)
{
	for (int i = 0; i < 200000; i++)
		free(malloc(1000));
}

static void no_memory(void)
{
	volatile size_t huge = SIZE_MAX / 2;
	void *volatile p = malloc(huge);

	last = p == NULL && mmap(NULL, huge & ~4095ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static void child(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		abort();
	waitpid(pid, &status, 0);
	last = WTERMSIG(status);
	pid = fork();
	if (pid == 0)
		_exit(3);
	wait(&status);
	last += WEXITSTATUS(status);
}

static void program(void)
{
	char *argv[] = { "/nonexistent/program", NULL };

	last = execv(argv[0], argv) == -1 ? errno : 0;
}

static void *thread(void *p) { return p; }
static void threads(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		last = pthread_create(&t, NULL, thread, NULL);
		pthread_join(t, NULL);
	}
}

static void handler(int sig) { last = sig; }
static void signals(void)
{
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
}

static void limits(void)
{
	struct rlimit l = { 1 << 30, 1 << 30 };

	last = setrlimit(RLIMIT_FSIZE, &l);
}

static void words(void) { last = (int)write(2, "words\n", 6); }

static void loads(void)
{
	void *p = dlopen("libkshim-is-not-there.so.1", RTLD_NOW);

	last = p == NULL && dlsym(RTLD_DEFAULT, "kshim_no_such_symbol") == NULL && dlerror() != NULL;
}

static void on_child(int sig)
{
	int status, error = errno;

	while (waitpid(-1, &status, WNOHANG) > 0) {
		children++;
		last = WIFSIGNALED(status) ? WTERMSIG(status) : sig;
	}
	errno = error;
}

/* Children that die, waited for in a handler that has a small alternate stack. */
static void handler_stack(void)
{
	const unsigned long frame = getauxval(51 /* AT_MINSIGSTKSZ */), size = (frame ? frame : MINSIGSTKSZ) + HANDLER;
	stack_t s = { .ss_sp = guarded((size | 4095) + 1), .ss_size = size };
	struct sigaction act = { .sa_handler = on_child, .sa_flags = SA_ONSTACK | SA_RESTART };

	sigaltstack(&s, NULL);
	sigaction(SIGCHLD, &act, NULL);
	for (int i = 0; i < 3; i++) {
		if (fork() == 0)
			abort();
		while (children <= i)
			usleep(1000);
	}
	printf("handler: %d children, %d\n", children, last);
}

int main(void)
{
	on_fiber("big blocks", big_blocks, FIBER);
	on_fiber("small blocks", small_blocks, FIBER);
	on_fiber("no memory", no_memory, FIBER);
	on_fiber("child", child, FIBER);
	on_fiber("program", program, FIBER);
	on_fiber("threads", threads, FIBER);
	on_fiber("signals", signals, FIBER);
	on_fiber("limits", limits, FIBER);
	on_fiber("words", words, FIBER);
	on_fiber("loads", loads, LOADER);
	handler_stack();
	return 0;
}
