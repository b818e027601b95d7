/* SPDX-License-Identifier: MIT */
/*
 * Every way of the runtime API to get memory, once: linked with a static or a shared cudart. Recorded, each is one
 * allocation of the driver API, and nothing else changes: error 103 would be an integrity check that saw us.
 */
#include <stddef.h>
#include <stdio.h>

int cudaMalloc(void **p, size_t size);
int cudaMallocManaged(void **p, size_t size, unsigned flags);
int cudaMallocAsync(void **p, size_t size, void *stream);
int cudaMallocPitch(void **p, size_t *pitch, size_t width, size_t height);
int cudaHostAlloc(void **p, size_t size, unsigned flags);
int cudaFree(void *p);
int cudaFreeHost(void *p);
int cudaFreeAsync(void *p, void *stream);
int cudaDeviceSynchronize(void);
int cudaRuntimeGetVersion(int *version);
int cudaDriverGetVersion(int *version);

int main(void)
{
	void *p = NULL;
	size_t pitch = 0;
	int version = 0, driver = 0, code = cudaMalloc(&p, 1 << 20);

	cudaRuntimeGetVersion(&version);
	cudaDriverGetVersion(&driver);
	printf("runtime %d driver %d malloc %d\n", version, driver, code);
	if (code)
		return 3;
	printf("free %d", cudaFree(p));
	printf(" managed %d", cudaMallocManaged(&p, 2 << 20, 1));
	printf(" free %d", cudaFree(p));
	printf(" async %d", cudaMallocAsync(&p, 3 << 20, NULL));
	printf(" free %d", cudaFreeAsync(p, NULL));
	printf(" pitch %d", cudaMallocPitch(&p, &pitch, 1000, 1000));
	printf(" free %d", cudaFree(p));
	printf(" host %d", cudaHostAlloc(&p, 4 << 20, 0));
	printf(" free %d", cudaFreeHost(p));
	printf(" sync %d\n", cudaDeviceSynchronize());
	return 0;
}
