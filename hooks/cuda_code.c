/* SPDX-License-Identifier: MIT */
/*
 * Device code: modules, libraries and linking. Each may take minutes (the driver compiles PTX),
 * so begin and end are recorded; where it fails, the JIT compiler's own log is taken from the
 * buffers that the caller passed (CU_JIT_ERROR_LOG_BUFFER is option 5, its size 6: cuda.h).
 */
#include "hooks/cuda.h"

#include "shim/safe.h"

#define SLOW	1000000000ull		/* clock ticks, below a second on every machine of today */

static uint64_t enter(unsigned function, const char *detail)
{
	KS_EMIT(cuda_enter, .function = ks_text(ks_cuda_table[function].symbol), .detail = ks_text(detail));
	return ks_clock();
}

static ks_str error_log(unsigned n, const int *options, void **values)
{
	const char *buffer = NULL;
	size_t size = 0;

	for (unsigned i = 0; options && values && i < n && i < 64; i++) {
		if (options[i] == 5)
			buffer = values[i];
		else if (options[i] == 6)
			size = (size_t)(uintptr_t)values[i] & 0xffffffffu;
	}
	if (!buffer || !size)
		return 0;
	return ks_text_n(buffer, strnlen(buffer, size < 4096 ? size : 4096));
}

static void leave(unsigned function, int result, uint64_t begun, const char *file, unsigned n, const int *options,
		  void **values)
{
	uint64_t took = ks_clock() - begun;
	int error = errno;

	KS_EMIT(cuda_leave, .function = ks_text(ks_cuda_table[function].symbol), .result = result, .duration = took);
	if (result || took > SLOW)
		KS_EMIT(cuda_jit, .function = ks_text(ks_cuda_table[function].symbol), .result = result,
			.log = result ? error_log(n, options, values) : 0, .duration = took, .file = ks_text(file),
			.stack = ks_callers());
	if (result)
		ks_cuda_fail(function, result, file);
	errno = error;
}

#define CODE(symbol, parameters, arguments, file, n, options, values)                              \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		uint64_t begun = enter(CU_##symbol, file);                                         \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		leave(CU_##symbol, result, begun, file, n, options, values);                       \
		return result;                                                                     \
	}

CODE(cuModuleLoad, (void **module, const char *file), (module, file), file, 0, NULL, NULL)
CODE(cuModuleLoadData, (void **module, const void *image), (module, image), NULL, 0, NULL, NULL)
CODE(cuModuleLoadFatBinary, (void **module, const void *image), (module, image), NULL, 0, NULL, NULL)
CODE(cuModuleLoadDataEx, (void **module, const void *image, unsigned n, int *options, void **values),
     (module, image, n, options, values), NULL, n, options, values)
CODE(cuLibraryLoadData,
     (void **library, const void *code, int *options, void **values, unsigned n, int *library_options,
      void **library_values, unsigned m),
     (library, code, options, values, n, library_options, library_values, m), NULL, n, options, values)
CODE(cuLibraryLoadFromFile,
     (void **library, const char *file, int *options, void **values, unsigned n, int *library_options,
      void **library_values, unsigned m),
     (library, file, options, values, n, library_options, library_values, m), file, n, options, values)
CODE(cuLinkAddData,
     (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *options, void **values),
     (state, type, data, size, name, n, options, values), name, n, options, values)
CODE(cuLinkAddData_v2,
     (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *options, void **values),
     (state, type, data, size, name, n, options, values), name, n, options, values)

#define NAMED(symbol, parameters, arguments)                                                       \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		if (result)                                                                        \
			ks_cuda_fail(CU_##symbol, result, name);                                   \
		errno = error;                                                                     \
		return result;                                                                     \
	}
NAMED(cuModuleGetFunction, (void **function, void *module, const char *name), (function, module, name))
NAMED(cuLibraryGetKernel, (void **kernel, void *library, const char *name), (kernel, library, name))
