/* SPDX-License-Identifier: MIT */
/* build: -Wno-unused-result */
/* Does everything that is recorded, for ever, from its first moment on: to be killed at any. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static void *allocate(void *arg)
{
	void *live[64] = { NULL };
	unsigned x = (unsigned)(uintptr_t)arg;

	for (int i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		free(live[x >> 26]);
		live[x >> 26] = malloc((x >> 8) % (i % 50 ? 4000 : 4000000));
	}
	for (int i = 0; i < 64; i++)
		free(live[i]);
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void signals(void)
{
	struct sigaction a = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &a, NULL);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_DFL);
}

static void loads(void)
{
	void *h = dlopen("libresolv.so.2", RTLD_NOW);

	dlopen("libnothere.so.3", RTLD_NOW);
	dlerror();
	dlsym(RTLD_DEFAULT, "not_there");
	if (h)
		dlclose(h);
}

static void children(int turn)
{
	int pid = fork();

	if (pid == 0) {
		dlopen("libnothere.so.4", RTLD_NOW);
		_exit(turn % 2);
	}
	waitpid(pid, NULL, 0);
}

int main(void)
{
	volatile size_t huge = SIZE_MAX / 2;
	pthread_t threads[4];

	for (int turn = 0;; turn++) {
		for (uintptr_t i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, allocate, (void *)(i + 1));
		for (int i = 0; i < 20; i++) {
			signals();
			loads();
			fprintf(stderr, "turn %d, %d\n", turn, i);
			free(malloc(huge));
			mmap(NULL, huge, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		}
		children(turn);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
	}
}
