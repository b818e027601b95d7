/* SPDX-License-Identifier: MIT */
/*
 * Wrappers of the CUDA driver that need no thought: made from hooks/cuda.def, one for each row
 * that is not OWN. Called from any thread, up to millions of times a second: a counter or two.
 */
#include "hooks/cuda.h"

static inline void after_FAIL(unsigned function, int result)
{
	if (KS_UNLIKELY(result))
		ks_cuda_fail(function, result, NULL);
}

static inline void after_QUIET(unsigned function, int result)
{
	if (KS_UNLIKELY(result && result != 600))	/* CUDA_ERROR_NOT_READY: an answer, no error */
		ks_cuda_fail(function, result, NULL);
}

static inline void after_LAUNCH(unsigned function, int result)
{
	struct ks_gpu *gpu = ks_gpu();

	gpu->launches++;		/* a lost count costs less than an atomic addition */
	gpu->launches_since_sync++;
	after_FAIL(function, result);
}

static inline void after_COPY(unsigned function, int result)
{
	ks_gpu()->copies++;
	after_FAIL(function, result);
}

static inline void after_SYNC(unsigned function, int result)
{
	struct ks_gpu *gpu = ks_gpu();

	gpu->syncs++;
	if (!result)
		gpu->launches_since_sync = 0;
	after_FAIL(function, result);
}

static inline void after_LONG(unsigned function, int result)
{
	after_FAIL(function, result);
}

static inline void before_LONG(unsigned function)
{
	KS_EMIT(cuda_enter, .function = ks_text(ks_cuda_table[function].symbol));
}

static inline void done_LONG(unsigned function, int result, uint64_t begun)
{
	KS_EMIT(cuda_leave, .function = ks_text(ks_cuda_table[function].symbol), .result = result,
		.duration = ks_clock() - begun);
}

#define BODY_PLAIN(kind, symbol, parameters, arguments)                                            \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		after_##kind(CU_##symbol, result);                                                 \
		errno = error;                                                                     \
		return result;                                                                     \
	}
#define BODY_FAIL(...) BODY_PLAIN(FAIL, __VA_ARGS__)
#define BODY_QUIET(...) BODY_PLAIN(QUIET, __VA_ARGS__)
#define BODY_LAUNCH(...) BODY_PLAIN(LAUNCH, __VA_ARGS__)
#define BODY_COPY(...) BODY_PLAIN(COPY, __VA_ARGS__)
#define BODY_SYNC(...) BODY_PLAIN(SYNC, __VA_ARGS__)
#define BODY_OWN(...)
#define BODY_LONG(symbol, parameters, arguments)                                                   \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		uint64_t begun = ks_clock();                                                       \
		int result, error;                                                                 \
		before_LONG(CU_##symbol);                                                          \
		result = CUREAL(symbol, parameters) arguments;                                     \
		error = errno;                                                                     \
		done_LONG(CU_##symbol, result, begun);                                             \
		after_LONG(CU_##symbol, result);                                                   \
		errno = error;                                                                     \
		return result;                                                                     \
	}

#define CU(how, symbol, base, version, stream, parameters, arguments)                              \
	BODY_##how(symbol, parameters, arguments)
#include "hooks/cuda.def"
#undef CU
