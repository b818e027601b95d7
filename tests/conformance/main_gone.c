/* SPDX-License-Identifier: MIT */
/* The main thread has ended, and the others go on: its number is no process any more that could be asked for memory or mappings. */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static int end;

static void handler(int sig) { printf("signal %d\n", sig); }

static int is_gone(void)
{
	char text[512] = "", *state;
	FILE *f = fopen("/proc/self/stat", "r");

	if (!f || !fgets(text, sizeof(text), f))
		exit(9);
	fclose(f);
	state = strrchr(text, ')');
	return state && state[2] == 'Z';
}

static void *goes_on(void *p)
{
	volatile size_t huge = SIZE_MAX / 2;
	struct itimerval timer = { { 0, 0 }, { 0, 0 } };
	char *none[] = { NULL };
	stack_t stack;
	int status;

	while (!is_gone())
		usleep(1000);
	memset(&stack, 7, sizeof(stack));
	sigaltstack(NULL, &stack);
	printf("stack %d %p %zu\n", stack.ss_flags, stack.ss_sp, stack.ss_size);
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	printf("dlopen %d\n", dlopen("libkshim-is-not-there.so.1", RTLD_NOW) != NULL);
	printf("dlerror: %s\n", dlerror());
	for (int i = 0; i < 50; i++)
		free(malloc(2 << 20));
	printf("malloc %d\n", malloc(huge) != NULL);
	printf("mmap %d\n", mmap(NULL, huge & ~4095ul, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	printf("setitimer %d\n", setitimer(ITIMER_REAL, &timer, NULL));
	printf("execv %d", execv("/nonexistent", none));
	printf(" %d\n", errno);
	fflush(stdout);
	if (fork() == 0)
		_exit(3);
	wait(&status);
	printf("child %d\n", WEXITSTATUS(status));
	fflush(stdout);
	if (end == 1)
		*(volatile int *)8 = 1;
	if (end == 2)
		abort();
	if (end == 3)
		exit(5);
	if (end == 4)
		kill(getpid(), SIGTERM);
	return p;
}

int main(void)
{
	pthread_t t;
	int status;

	for (end = 0; end < 5; end++) {
		fflush(stdout);
		if (fork() == 0) {
			pthread_create(&t, NULL, goes_on, NULL);
			pthread_exit(NULL);
		}
		wait(&status);
		printf("%d: status %d, signal %d\n", end, WEXITSTATUS(status), WTERMSIG(status));
	}
	return 0;
}
