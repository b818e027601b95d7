/* SPDX-License-Identifier: MIT */
/* Every call that is looked at, with out-pointers that are NULL, sizes that are absurd and names that are none. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void *lib;

#define CALL(name, parameters, ...)                                                                \
	do {                                                                                       \
		int (*f) parameters = (int (*) parameters)dlsym(lib, #name);                       \
		if (f)                                                                             \
			printf(#name " %d\n", f(__VA_ARGS__));                                     \
	} while (0)

static void sizes(void)
{
	static const size_t all[] = { 0, 1, 1ull << 47, 1ull << 48, 1ull << 62, ~0ull };
	void *host = NULL;
	uint64_t a;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		a = 0;
		CALL(cuMemAlloc_v2, (uint64_t *, size_t), &a, all[i]);
		CALL(cuMemFree_v2, (uint64_t), a);
		CALL(cuMemAllocAsync, (uint64_t *, size_t, void *), &a, all[i], NULL);
		CALL(cuMemFreeAsync, (uint64_t, void *), a, NULL);
		if (all[i] != 1) {
			CALL(cuMemHostAlloc, (void **, size_t, unsigned), &host, all[i], 0);
			CALL(cuMemCreate, (uint64_t *, size_t, const void *, uint64_t), &a, all[i], NULL, 0);
		}
	}
}

int main(void)
{
	const int host_memory[6] = { 1, 0, 2, 0 }, far_device[6] = { 1, 0, 1, 0x7fffffff };
	const size_t descriptor[4] = { ~0ull, ~0ull, ~0ull, ~0ull };
	uint64_t handle = 0;
	char name[4], *words[2] = { NULL, NULL };
	int options[2] = { 5, 6 };
	void *context = NULL, *module = NULL;
	int version = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	lib = dlopen("libcuda.so.1", RTLD_NOW);
	if (!lib)
		return 77;
	CALL(cuInit, (unsigned), 0);
	CALL(cuDriverGetVersion, (int *), NULL);
	CALL(cuDriverGetVersion, (int *), &version);
	CALL(cuDeviceGetCount, (int *), NULL);
	CALL(cuDeviceGetCount, (int *), &version);
	CALL(cuDeviceGetName, (char *, int, int), NULL, 0, 0);
	CALL(cuDeviceGetName, (char *, int, int), name, sizeof(name), 0);
	CALL(cuDeviceGetName, (char *, int, int), name, sizeof(name), -5);
	CALL(cuDeviceGetName, (char *, int, int), name, sizeof(name), 0x7fffffff);
	CALL(cuDeviceTotalMem_v2, (size_t *, int), NULL, 0);
	CALL(cuDeviceTotalMem_v2, (size_t *, int), (size_t *)&handle, 0);
	CALL(cuDeviceGetAttribute, (int *, int, int), NULL, 75, 0);
	CALL(cuDeviceGetAttribute, (int *, int, int), &version, -1, -1);
	CALL(cuDeviceGetAttribute, (int *, int, int), &version, 75, 0);
	CALL(cuCtxSetCurrent, (void *), NULL);
	CALL(cuCtxPopCurrent_v2, (void **), NULL);
	CALL(cuCtxDestroy_v2, (void *), NULL);
	CALL(cuDevicePrimaryCtxRetain, (void **, int), &context, -1);
	CALL(cuDevicePrimaryCtxRetain, (void **, int), &context, 0);
	CALL(cuDevicePrimaryCtxReset_v2, (int), -1);
	CALL(cuMemGetInfo_v2, (size_t *, size_t *), NULL, NULL);
	for (int i = 0; i < 200; i++)
		CALL(cuCtxPushCurrent_v2, (void *), context);
	for (int i = 0; i < 300; i++)
		CALL(cuCtxPopCurrent_v2, (void **), NULL);
	CALL(cuCtxSetCurrent, (void *), context);
	CALL(cuMemGetInfo_v2, (size_t *, size_t *), NULL, NULL);
	CALL(cuMemAlloc_v2, (uint64_t *, size_t), NULL, 16);
	CALL(cuMemFree_v2, (uint64_t), 0);
	CALL(cuMemFree_v2, (uint64_t), 1);
	CALL(cuMemFree_v2, (uint64_t), ~0ull);
	CALL(cuMemFreeHost, (void *), NULL);
	CALL(cuMemHostRegister_v2, (void *, size_t, unsigned), NULL, 16, 0);
	CALL(cuMemCreate, (uint64_t *, size_t, const void *, uint64_t), NULL, 2 << 20, host_memory, 0);
	CALL(cuMemCreate, (uint64_t *, size_t, const void *, uint64_t), &handle, 2 << 20, host_memory, 0);
	CALL(cuMemCreate, (uint64_t *, size_t, const void *, uint64_t), &handle, 2 << 20, far_device, 0);
	sizes();
	CALL(cuArrayCreate_v2, (void **, const void *), &module, descriptor);
	CALL(cuModuleLoad, (void **, const char *), &module, NULL);
	CALL(cuModuleLoad, (void **, const char *), &module, "");
	CALL(cuModuleLoadData, (void **, const void *), &module, NULL);
	CALL(cuModuleGetFunction, (void **, void *, const char *), &module, NULL, NULL);
	CALL(cuModuleLoadDataEx, (void **, const void *, unsigned, int *, void **), &module, "", 2, options, (void **)words);
	CALL(cuModuleLoadDataEx, (void **, const void *, unsigned, int *, void **), &module, "", 0, NULL, NULL);
	CALL(cuGetErrorString, (int, const char **), 2, NULL);
	CALL(cuGetErrorString, (int, const char **), -77, (const char **)words);
	CALL(cuGetExportTable, (const void **, const void *), (const void **)words, NULL);
	CALL(cuGetProcAddress_v2, (const char *, void **, int, uint64_t, int *), NULL, &module, 12000, 0, NULL);
	CALL(cuGetProcAddress_v2, (const char *, void **, int, uint64_t, int *), "cuInit", NULL, 12000, 0, NULL);
	for (int i = 0; i < 2000; i++)
		CALL(cuCtxSetCurrent, (void *), (void *)(uintptr_t)(0x1000 + i % 16 * 0x100));
	printf("alive\n");
	return 0;
}
