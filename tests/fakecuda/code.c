/* SPDX-License-Identifier: MIT */
/* Code, streams, copies and words of the driver without a GPU (fakecuda.h): accepted, and nothing done. */
#include "fakecuda.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

API int cuModuleLoad(void **module, const char *file)
{
	BEGIN();
	if (!file || access(file, R_OK) != 0)
		return 301;
	HANDLE(module);
	return 0;
}

MAKES(cuModuleLoadData, (void **module, const void *image), module)
MAKES(cuModuleLoadFatBinary, (void **module, const void *image), module)

static void write_log(unsigned n, const int *options, void **values)
{
	for (unsigned i = 0; options && values && i < n; i++)
		if (options[i] == 5 && values[i])
			strcpy(values[i], "ptxas fatal   : Unsupported .version 8.5; current version is '8.4'");
}

#define WITH_LOG(name, parameters, n, to)                                                          \
	API int name parameters                                                                    \
	{                                                                                          \
		int code = fake_begin(#name);                                                      \
		if (code > 0)                                                                      \
			write_log(n, options, values);                                             \
		if (code)                                                                          \
			return code < 0 ? 0 : code;                                                \
		to;                                                                                \
		return 0;                                                                          \
	}
WITH_LOG(cuModuleLoadDataEx, (void **module, const void *image, unsigned n, int *options, void **values), n, HANDLE(module))
WITH_LOG(cuLibraryLoadData,
	 (void **library, const void *code_, int *options, void **values, unsigned n, int *lo, void **lv, unsigned m), n,
	 HANDLE(library))
WITH_LOG(cuLinkAddData, (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *options, void **values), n, )
WITH_LOG(cuLinkAddData_v2, (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *options, void **values), n, )

SIMPLE(cuModuleUnload, (void *module))
MAKES(cuModuleGetFunction, (void **function, void *module, const char *name), function)
ANSWERS(cuModuleGetLoadingMode, (int *mode), mode, 2)
SIMPLE(cuLibraryUnload, (void *library))
MAKES(cuLibraryGetKernel, (void **kernel, void *library, const char *name), kernel)
MAKES(cuLibraryGetModule, (void **module, void *library), module)
MAKES(cuKernelGetFunction, (void **function, void *kernel), function)
MAKES(cuLinkCreate, (unsigned n, int *options, void **values, void **state), state)
MAKES(cuLinkCreate_v2, (unsigned n, int *options, void **values, void **state), state)
SIMPLE(cuLinkDestroy, (void *state))
ANSWERS(cuFuncGetAttribute, (int *value, int attribute, void *function), value, attribute == 0 ? 1024 : 0)
ANSWERS(cuKernelGetAttribute, (int *value, int attribute, void *kernel, int device), value, attribute == 0 ? 1024 : 0)
SIMPLE(cuFuncSetAttribute, (void *function, int attribute, int value))
SIMPLE(cuKernelSetAttribute, (int attribute, int value, void *kernel, int device))
SIMPLE(cuFuncSetCacheConfig, (void *function, int config))
SIMPLE(cuKernelSetCacheConfig, (void *kernel, int config, int device))
ANSWERS(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *blocks, void *function, int size, size_t shared), blocks, 2)
ANSWERS(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags, (int *blocks, void *function, int size, size_t shared, unsigned flags), blocks, 2)

API int cuLinkComplete(void *state, void **cubin, size_t *size)
{
	static char image[64];

	BEGIN();
	*cubin = image;
	*size = sizeof(image);
	return 0;
}

API int cuModuleGetGlobal_v2(cuptr *address, size_t *size, void *module, const char *name)
{
	BEGIN();
	if (address)
		*address = 0x680000000000ull;
	if (size)
		*size = 8;
	return 0;
}

/* --- launches, streams, events --- */

#define LAUNCH (void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,              \
		unsigned shared, void *stream, void **parameters, void **extra)
SIMPLE(cuLaunchKernel, LAUNCH)
SIMPLE(cuLaunchKernel_ptsz, LAUNCH)
SIMPLE(cuLaunchKernelEx, (const void *config, void *function, void **parameters, void **extra))
SIMPLE(cuLaunchKernelEx_ptsz, (const void *config, void *function, void **parameters, void **extra))
MAKES(cuGraphCreate, (void **graph, unsigned flags), graph)
MAKES(cuGraphInstantiateWithFlags, (void **exec, void *graph, unsigned long long flags), exec)
SIMPLE(cuGraphLaunch, (void *exec, void *stream))
SIMPLE(cuGraphExecDestroy, (void *exec))
SIMPLE(cuGraphDestroy, (void *graph))
MAKES(cuStreamCreate, (void **stream, unsigned flags), stream)
MAKES(cuStreamCreateWithPriority, (void **stream, unsigned flags, int priority), stream)
ANSWERS(cuStreamGetPriority, (void *stream, int *priority), priority, 0)
ANSWERS(cuStreamIsCapturing, (void *stream, int *status), status, 0)
SIMPLE(cuStreamDestroy_v2, (void *stream))
SIMPLE(cuStreamSynchronize, (void *stream))
SIMPLE(cuStreamSynchronize_ptsz, (void *stream))
SIMPLE(cuStreamQuery, (void *stream))
SIMPLE(cuStreamWaitEvent, (void *stream, void *event, unsigned flags))
MAKES(cuEventCreate, (void **event, unsigned flags), event)
SIMPLE(cuEventDestroy_v2, (void *event))
SIMPLE(cuEventRecord, (void *event, void *stream))
SIMPLE(cuEventSynchronize, (void *event))
SIMPLE(cuEventQuery, (void *event))
ANSWERS(cuEventElapsedTime, (float *ms, void *begin, void *end), ms, 1.0f)
ANSWERS(cuEventElapsedTime_v2, (float *ms, void *begin, void *end), ms, 1.0f)

/* What a stream was told to call is called at once: everything before it is done. */
API int cuLaunchHostFunc(void *stream, void (*function)(void *), void *data)
{
	BEGIN();
	function(data);
	return 0;
}

API int cuStreamAddCallback(void *stream, void (*function)(void *, int, void *), void *data, unsigned flags)
{
	BEGIN();
	function(stream, 0, data);
	return 0;
}

/* --- copies --- */

SIMPLE(cuMemcpy, (cuptr to, cuptr from, size_t size))
SIMPLE(cuMemcpyAsync, (cuptr to, cuptr from, size_t size, void *stream))
SIMPLE(cuMemcpyHtoD_v2, (cuptr to, const void *from, size_t size))
SIMPLE(cuMemcpyDtoH_v2, (void *to, cuptr from, size_t size))
SIMPLE(cuMemcpyDtoD_v2, (cuptr to, cuptr from, size_t size))
SIMPLE(cuMemcpyHtoDAsync_v2, (cuptr to, const void *from, size_t size, void *stream))
SIMPLE(cuMemcpyDtoHAsync_v2, (void *to, cuptr from, size_t size, void *stream))
SIMPLE(cuMemcpyDtoDAsync_v2, (cuptr to, cuptr from, size_t size, void *stream))
SIMPLE(cuMemcpyPeerAsync, (cuptr to, void *a, cuptr from, void *b, size_t size, void *stream))
SIMPLE(cuMemsetD8_v2, (cuptr to, unsigned char value, size_t n))
SIMPLE(cuMemsetD32_v2, (cuptr to, unsigned value, size_t n))
SIMPLE(cuMemsetD8Async, (cuptr to, unsigned char value, size_t n, void *stream))
SIMPLE(cuMemsetD16Async, (cuptr to, unsigned short value, size_t n, void *stream))
SIMPLE(cuMemsetD32Async, (cuptr to, unsigned value, size_t n, void *stream))

/* --- words --- */

API int cuGetErrorName(int error, const char **name)
{
	static __thread char text[40];

	if (!name)
		return 1;
	snprintf(text, sizeof(text), error == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_%d", error);
	*name = text;
	return 0;
}

API int cuGetErrorString(int error, const char **name)
{
	return cuGetErrorName(error, name);
}

API int cuGetExportTable(const void **table, const void *uuid)
{
	*table = NULL;
	return 500;
}

API int cuLogsDumpToMemory(void *iterator, char *buffer, size_t *size, unsigned flags)
{
	char text[512];

	if (!fake_word("log", text, sizeof(text)))
		text[0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = ' ';
	snprintf(buffer, *size, "%s", text);
	*size = strlen(buffer);
	return 0;
}
