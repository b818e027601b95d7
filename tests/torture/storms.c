/* SPDX-License-Identifier: MIT */
/* build: -Wno-unused-result */
/*
 * Many short threads, many forks: `storms threads N`, `storms forks N`, `storms forks-with-threads N`.
 * Every hundredth child of the first kind of forks aborts.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int stop;
static long sum;

static void *brief(void *arg)
{
	char *p = malloc(1 + (uintptr_t)arg % 3000);

	*p = 1;
	__atomic_fetch_add(&sum, *p, __ATOMIC_RELAXED);
	free(p);
	return NULL;
}

static void threads(int n)
{
	pthread_t t[50];

	for (int i = 0; i < n; i += 50) {
		for (uintptr_t k = 0; k < 50; k++)
			if (pthread_create(&t[k], NULL, brief, (void *)(k * 61 + (uintptr_t)i)))
				printf("a thread was not made\n");
		for (int k = 0; k < 50; k++)
			pthread_join(t[k], NULL);
	}
	printf("%ld threads\n", sum);
}

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

static int child(int i, int may_abort)
{
	char *p = malloc(1000 + (size_t)i);

	memset(p, 1, 1000);
	if (may_abort && i % 100 == 99)
		abort();
	free(p);
	return 0;
}

static void forks(int n, int with_threads)
{
	pthread_t t[3];
	int ended = 0, aborted = 0, other = 0, status;

	for (uintptr_t i = 0; with_threads && i < 3; i++)
		pthread_create(&t[i], NULL, churn, (void *)(i + 1));
	for (int i = 0; i < n; i++) {
		int pid = fork();

		if (pid == 0)
			_exit(child(i, !with_threads));
		status = -1;
		waitpid(pid, &status, 0);
		if (status == 0)
			ended++;
		else if (WIFSIGNALED(status) && WTERMSIG(status) == 6)
			aborted++;
		else
			other++;
	}
	stop = 1;
	for (int i = 0; with_threads && i < 3; i++)
		pthread_join(t[i], NULL);
	printf("%d ended, %d aborted, %d other\n", ended, aborted, other);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	if (strcmp(argv[1], "threads") == 0)
		threads(atoi(argv[2]));
	else
		forks(atoi(argv[2]), argv[1][5] != '\0');
	return 0;
}
