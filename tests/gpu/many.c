/* SPDX-License-Identifier: MIT */
/*
 * As many live allocations as are asked for (default a million) of 1024 bytes, then all but the last thousand are given
 * back, in an order of their own, by two threads. usage: many [NUMBER]
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int cuInit(unsigned flags);
int cuDevicePrimaryCtxRetain(void **context, int device);
int cuCtxSetCurrent(void *context);
int cuMemAlloc_v2(uint64_t *address, size_t size);
int cuMemFree_v2(uint64_t address);

static uint64_t *block;
static unsigned n = 1000000;
static void *context;

static void *half(void *which)
{
	unsigned begin = which ? n / 2 : 0, end = which ? n : n / 2;

	if (cuCtxSetCurrent(context))
		abort();
	for (unsigned i = begin; i < end; i++)
		if (cuMemAlloc_v2(&block[i], 1024))
			abort();
	for (unsigned i = begin; i < end; i++) {
		unsigned j = begin + (i - begin) * 7919ull % (end - begin);
		uint64_t was = block[i];

		block[i] = block[j];
		block[j] = was;
	}
	for (unsigned i = begin; i < end - 500; i++)
		if (cuMemFree_v2(block[i]))
			abort();
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	n = argc > 1 ? (unsigned)atoi(argv[1]) : n;
	block = calloc(n, sizeof(*block));
	if (cuInit(0) || cuDevicePrimaryCtxRetain(&context, 0))
		return 77;
	pthread_create(&thread, NULL, half, (void *)1);
	half(NULL);
	pthread_join(thread, NULL);
	printf("done\n");
	abort();
}
