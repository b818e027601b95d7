/* SPDX-License-Identifier: MIT */
/* Another preload that stands in front of the driver, as limiters of GPU memory do: it counts what it saw. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

static unsigned seen;

int cuMemAlloc_v2(uint64_t *address, size_t size)
{
	static int (*real)(uint64_t *, size_t);
	int code;

	if (!real)
		real = (int (*)(uint64_t *, size_t))dlsym(RTLD_NEXT, "cuMemAlloc_v2");
	seen++;
	code = real(address, size);
	if (code)
		fprintf(stderr, "seen %u\n", seen);
	return code;
}
