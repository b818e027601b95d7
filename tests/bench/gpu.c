/* SPDX-License-Identifier: MIT */
/*
 * What calls of the CUDA driver cost: a launch, a free query, an allocation with its release, by functions that
 * cuGetProcAddress gave, as the runtime calls them. On the driver without a GPU (tests/fakecuda) the driver itself costs next
 * to nothing, so that the difference to a plain run is the recorder's. usage: gpu LIBRARY [WHAT]
 * Prints: WHAT NANOSECONDS, for each.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int (*ask)(const char *, void **, int, uint64_t, int *);
static int (*launch)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
static int (*alloc)(uint64_t *, size_t), (*release)(uint64_t), (*sync)(void), (*query)(void *);
static int (*alloc_async)(uint64_t *, size_t, void *), (*release_async)(uint64_t, void *);
static void *function;

static const char ptx[] = ".version 6.0\n.target sm_50\n.address_size 64\n.visible .entry good() { ret; }\n";

static void *get(const char *name, int version)
{
	void *p = NULL;

	if (ask(name, &p, version, 0, NULL) || !p) {
		printf("no %s\n", name);
		exit(77);
	}
	return p;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void do_launch(void)
{
	for (int i = 0; i < 1000; i++)
		launch(function, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
	sync();
}

static void do_query(void)
{
	for (int i = 0; i < 1000; i++)
		query(NULL);
}

static void do_alloc(void)
{
	uint64_t a[10];

	for (int i = 0; i < 1000; i++) {
		alloc(&a[i % 10], 1 << 20);
		if (i % 10 == 9)
			for (int k = 0; k < 10; k++)
				release(a[k]);
	}
}

static void do_pool(void)
{
	uint64_t a;

	for (int i = 0; i < 1000; i++) {
		alloc_async(&a, 1 << 16, NULL);
		release_async(a, NULL);
	}
}

static void measure(const char *what, void (*f)(void), int rounds)
{
	double best = 1e18;

	for (int k = 0; k < 5; k++) {
		double begun = now();

		for (int i = 0; i < rounds; i++)
			f();
		begun = (now() - begun) / rounds / 1000;
		best = begun < best ? begun : best;
	}
	printf("%s %.1f\n", what, best);
}

int main(int argc, char **argv)
{
	void *lib = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL, *context, *module;

	ask = lib ? (int (*)(const char *, void **, int, uint64_t, int *))dlsym(lib, "cuGetProcAddress_v2") : NULL;
	if (!ask)
		return 77;
	if (((int (*)(unsigned))get("cuInit", 2000))(0) ||
	    ((int (*)(void **, int))get("cuDevicePrimaryCtxRetain", 7000))(&context, 0) ||
	    ((int (*)(void *))get("cuCtxSetCurrent", 4000))(context) ||
	    ((int (*)(void **, const void *))get("cuModuleLoadData", 2000))(&module, ptx) ||
	    ((int (*)(void **, void *, const char *))get("cuModuleGetFunction", 2000))(&function, module, "good"))
		return 77;
	launch = get("cuLaunchKernel", 4000);
	sync = get("cuCtxSynchronize", 2000);
	query = get("cuStreamQuery", 2000);
	alloc = get("cuMemAlloc", 3020);
	release = get("cuMemFree", 3020);
	alloc_async = get("cuMemAllocAsync", 11020);
	release_async = get("cuMemFreeAsync", 11020);
	if (argc < 3 || strcmp(argv[2], "launch") == 0)
		measure("launch", do_launch, 300);
	if (argc < 3 || strcmp(argv[2], "query") == 0)
		measure("query", do_query, 300);
	if (argc < 3 || strcmp(argv[2], "alloc") == 0)
		measure("alloc", do_alloc, 100);
	if (argc < 3 || strcmp(argv[2], "pool") == 0)
		measure("pool", do_pool, 100);
	return 0;
}
