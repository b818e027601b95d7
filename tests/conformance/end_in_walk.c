/* SPDX-License-Identifier: MIT */
/* timeout: 30 */
/* status: 134 */
/*
 * Another thread walks over the loaded objects, with the loader's lock, and waits meanwhile for something that does not
 * come (it reads a file from a server that is gone): the process can be ended all the same, and can learn
 * that a library is missing.
 */
#include <assert.h>
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t in_walk;

static int visit(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)info, (void)size, (void)data;
	pthread_barrier_wait(&in_walk);
	for (;;)
		pause();
}

static void *walks(void *p)
{
	dl_iterate_phdr(visit, p);
	return p;
}

static void end(int how)
{
	pthread_t t;

	pthread_barrier_init(&in_walk, NULL, 2);
	pthread_create(&t, NULL, walks, NULL);
	pthread_barrier_wait(&in_walk);
	switch (how) {
	case 0: abort();
	case 1: assert(how == 0);
	case 2: _exit(3);
	case 3: quick_exit(4);
	case 4: raise(SIGTERM);
	case 5: *(volatile int *)8 = 1;
		/* fall through */
	case 6:
	case 7:
		for (int i = 0; i < 2; i++) {
			dlopen("libkshim-is-not-there.so.1", RTLD_NOW);
			puts(dlerror());
		}
		fflush(stdout);
		if (how == 7)
			abort();
		_exit(5);
	}
}

int main(void)
{
	int status;

	for (int how = 0; how < 7; how++) {
		fflush(stdout);
		if (fork() == 0) {
			alarm(3);
			end(how);
			_exit(50);
		}
		wait(&status);
		printf("%d: status %d, signal %d\n", how, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		       WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	}
	fflush(stdout);
	alarm(3);
	end(7);
}
