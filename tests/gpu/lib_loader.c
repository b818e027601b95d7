/* SPDX-License-Identifier: MIT */
/*
 * A libcuda.so.1 that is only a loader for the driver itself, as that of WSL 2 is: it looks the real functions up with dlsym,
 * once when it is loaded and once at the first call. REAL_DRIVER names the file.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

static void *lib;
static int (*init)(unsigned), (*retain)(void **, int), (*current)(void *), (*alloc)(uint64_t *, size_t);

__attribute__((constructor)) static void begin(void)
{
	lib = dlopen(getenv("REAL_DRIVER"), RTLD_NOW | RTLD_LOCAL);
	if (lib)
		init = (int (*)(unsigned))dlsym(lib, "cuInit");
}

int cuInit(unsigned flags)
{
	if (!init)
		return 999;
	retain = (int (*)(void **, int))dlsym(lib, "cuDevicePrimaryCtxRetain");
	current = (int (*)(void *))dlsym(lib, "cuCtxSetCurrent");
	alloc = (int (*)(uint64_t *, size_t))dlsym(lib, "cuMemAlloc_v2");
	return init(flags);
}

int cuDevicePrimaryCtxRetain(void **context, int device)
{
	return retain(context, device);
}

int cuCtxSetCurrent(void *context)
{
	return current(context);
}

int cuMemAlloc_v2(uint64_t *address, size_t size)
{
	return alloc(address, size);
}
