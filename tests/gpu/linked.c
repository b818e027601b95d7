/* SPDX-License-Identifier: MIT */
/* A program that is linked with libcuda.so.1 directly, as PyCUDA and Triton's helper are: no dlsym at all. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern int cuInit(unsigned flags);
extern int cuDevicePrimaryCtxRetain(void **context, int device);
extern int cuCtxSetCurrent(void *context);
extern int cuMemAlloc_v2(uint64_t *address, size_t size);

int main(void)
{
	uint64_t address;
	void *context;

	if (cuInit(0) || cuDevicePrimaryCtxRetain(&context, 0) || cuCtxSetCurrent(context))
		return 2;
	for (int i = 0; i < 1000; i++) {
		int code = cuMemAlloc_v2(&address, 64 << 20);

		if (code) {
			fprintf(stderr, "CUDA error %d after %d blocks\n", code, i);
			abort();
		}
	}
	return 0;
}
