/* SPDX-License-Identifier: MIT */
/* build: -pthread */
/* native: yes */
/*
 * Forks while other threads allocate: each child allocates, grows and frees, fails once, and ends;
 * none of them may hang or die.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int stop;

static void *churn(void *arg)
{
	void *live[64] = { NULL };
	unsigned x = (unsigned)(uintptr_t)arg;

	while (!stop) {
		x = x * 1664525 + 1013904223;
		free(live[x >> 26]);
		live[x >> 26] = malloc((x >> 8) % 8000);
	}
	for (int i = 0; i < 64; i++)
		free(live[i]);
	return NULL;
}

static int child(void)
{
	volatile size_t huge = SIZE_MAX / 2;
	size_t sum = 0;

	for (int i = 0; i < 2000; i++) {
		char *p = malloc((size_t)i * 300);

		memset(p, i, (size_t)i * 300);
		sum += (size_t)p[0];
		free(p);
	}
	return malloc(huge) != NULL;
}

int main(void)
{
	pthread_t threads[3];
	int bad = 0;

	for (uintptr_t i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, churn, (void *)(i + 1));
	for (int i = 0; i < 100; i++) {
		pid_t pid = fork();
		int status = 1;

		if (pid == 0)
			_exit(child());
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("children that ended badly: %d\n", bad);
	return 0;
}
