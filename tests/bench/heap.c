/* SPDX-License-Identifier: MIT */
/*
 * Pairs of malloc and free: heap WHAT THREADS, prints nanoseconds of one pair.
 *
 * small: one block of 16 to 128 bytes at a time. mixed: 64 live blocks of 2 KiB in the mean,
 * written to, each replaced in turn; what sampling costs is seen there. The time is the best of
 * many short laps, so that a neighbour on the machine costs nothing.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LAPS 40

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double small(void)
{
	const unsigned pairs = 100000;
	uint64_t t = now();

	for (unsigned i = 0; i < pairs; i++) {
		void *volatile p = malloc(16 + (i & 7) * 16);

		free(p);
	}
	return (double)(now() - t) / pairs;
}

static double mixed(void)
{
	static __thread char *live[64];
	const unsigned pairs = 40000;
	uint64_t t = now();
	uint32_t x = 12345;

	for (unsigned i = 0; i < pairs; i++) {
		size_t size = 1 + (x = x * 1664525u + 1013904223u) % 4096;
		char **p = &live[(x >> 8) & 63];

		free(*p);
		*p = malloc(size);
		**p = 1;
	}
	return (double)(now() - t) / pairs;
}

static double (*what)(void);
#define THREADS 16
static double best[THREADS];

static void *work(void *arg)
{
	double *b = arg;

	*b = 1e9;
	for (int i = 0; i < LAPS; i++) {
		double t = what();

		if (t < *b)
			*b = t;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc > 2 ? atoi(argv[2]) : 1;
	pthread_t id[THREADS];
	double sum = 0;

	what = argc > 1 && strcmp(argv[1], "mixed") == 0 ? mixed : small;
	if (threads == 1) {
		work(&best[0]);
	} else {
		for (int i = 0; i < threads; i++)
			pthread_create(&id[i], NULL, work, &best[i]);
		for (int i = 0; i < threads; i++)
			pthread_join(id[i], NULL);
	}
	for (int i = 0; i < threads; i++)
		sum += best[i];
	printf("%.3f\n", sum / threads);
	return 0;
}
