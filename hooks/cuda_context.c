/* SPDX-License-Identifier: MIT */
/*
 * Contexts of the CUDA driver: which device a thread works on, and what goes with a context that
 * ends. Every thread has a stack of contexts of its own; we follow its upper end as far as the
 * program's own calls show it. The runtime gets its primary context through a private table: such a
 * one is first seen when it is made current, and its device when the program asks for it.
 */
#include "hooks/cuda.h"

#define MOST	64
#define GONE	((ks_cuctx)1)
#define DEEP	8

static struct {
	ks_cuctx context;		/* NULL: unused, as all behind it; GONE: free again */
	int device;			/* -1 not known yet */
	bool primary;			/* or one of which we do not know how it was made */
} contexts[MOST];

KS_TLS struct {
	ks_cuctx stack[DEEP];		/* the current one is stack[depth - 1]; of deeper ones nothing is known */
	unsigned depth;
	unsigned number;		/* of the current one: index in contexts + 1; 0: not known */
} here;

static unsigned number_of(ks_cuctx context)
{
	for (unsigned i = 0; context && i < MOST && contexts[i].context; i++)
		if (contexts[i].context == context)
			return i + 1;
	return 0;
}

/* The number of a context; a new one gets one. device: -1 where the caller does not know it. 0: no room. */
static unsigned know(ks_cuctx context, int device, bool primary)
{
	unsigned n = number_of(context);

	for (unsigned i = 0; !n && i < MOST; i++) {
		ks_cuctx was = contexts[i].context;

		if (was && was != GONE)
			continue;
		contexts[i].device = device;
		contexts[i].primary = primary;
		if (__atomic_compare_exchange_n(&contexts[i].context, &was, context, false, __ATOMIC_ACQ_REL,
						__ATOMIC_RELAXED))
			return i + 1;
	}
	if (n && device >= 0)
		contexts[n - 1].device = device;
	return n;
}

static void look_at_top(void)
{
	ks_cuctx top = here.depth && here.depth <= DEEP ? here.stack[here.depth - 1] : NULL;

	here.number = top ? know(top, -1, true) : 0;
}

static void set_top(ks_cuctx context)
{
	if (!here.depth)
		here.depth = 1;
	if (here.depth > DEEP || here.stack[here.depth - 1] == context)
		return;
	here.stack[here.depth - 1] = context;
	look_at_top();
}

static void push(ks_cuctx context)
{
	if (here.depth < DEEP)
		here.stack[here.depth] = context;
	here.depth++;
	look_at_top();
}

static void pop(void)
{
	if (here.depth)
		here.depth--;
	look_at_top();
}

ks_cuctx ks_cuda_context(void)
{
	return here.number ? here.stack[here.depth - 1] : NULL;
}

unsigned ks_cuda_context_number(void)
{
	return here.number;
}

int ks_cuda_device(void)
{
	int device = here.number ? contexts[here.number - 1].device : -1;

	return device < 0 && here.number ? ks_cuda_only_device() : device;
}

/* The context, or the primary one of the device, is no more: its memory neither. */
static void ended(ks_cuctx context, int device)
{
	for (unsigned i = 0; i < MOST && contexts[i].context; i++) {
		int its = contexts[i].device < 0 ? ks_cuda_only_device() : contexts[i].device;

		if (context ? contexts[i].context != context : !contexts[i].primary || its != device)
			continue;
		ks_cuda_memory_gone(i + 1);
		if (context)
			__atomic_store_n(&contexts[i].context, GONE, __ATOMIC_RELEASE);
	}
}

/* --- the calls --- */

static void context_event(unsigned function, int result, int device, ks_cuctx context, uint64_t begun)
{
	KS_EMIT(cuda_context, .function = ks_text(ks_cuda_table[function].symbol), .result = result, .device = device,
		.context = (uintptr_t)context, .duration = ks_clock() - begun);
	if (result)
		ks_cuda_fail(function, result, NULL);
}

static void enter(unsigned function)
{
	KS_EMIT(cuda_enter, .function = ks_text(ks_cuda_table[function].symbol));
}

/* then: what is known after success. */
#define CONTEXT_CALL(symbol, parameters, arguments, context_, device_, then)                       \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		uint64_t begun = ks_clock();                                                       \
		int result, error;                                                                 \
		enter(CU_##symbol);                                                                \
		result = CUREAL(symbol, parameters) arguments;                                     \
		error = errno;                                                                     \
		context_event(CU_##symbol, result, device_, context_, begun);                      \
		if (!result) {                                                                     \
			then;                                                                      \
		}                                                                                  \
		errno = error;                                                                     \
		return result;                                                                     \
	}

#define MADE (!result && context ? *context : NULL)
CONTEXT_CALL(cuDevicePrimaryCtxRetain, (ks_cuctx *context, ks_cudev device), (context, device), MADE, device,
	     if (MADE) know(MADE, device, true))
CONTEXT_CALL(cuDevicePrimaryCtxRelease, (ks_cudev device), (device), NULL, device, )
CONTEXT_CALL(cuDevicePrimaryCtxRelease_v2, (ks_cudev device), (device), NULL, device, )
CONTEXT_CALL(cuDevicePrimaryCtxReset, (ks_cudev device), (device), NULL, device, ended(NULL, device))
CONTEXT_CALL(cuDevicePrimaryCtxReset_v2, (ks_cudev device), (device), NULL, device, ended(NULL, device))

#define DESTROYED if (context) { ended(context, -1); if (ks_cuda_context() == context) pop(); }
CONTEXT_CALL(cuCtxDestroy, (ks_cuctx context), (context), context, -1, DESTROYED)
CONTEXT_CALL(cuCtxDestroy_v2, (ks_cuctx context), (context), context, -1, DESTROYED)

#define MAKE_KNOWN if (MADE) { know(MADE, device, false); push(MADE); }
CONTEXT_CALL(cuCtxCreate, (ks_cuctx *context, unsigned flags, ks_cudev device), (context, flags, device), MADE, device,
	     MAKE_KNOWN)
CONTEXT_CALL(cuCtxCreate_v2, (ks_cuctx *context, unsigned flags, ks_cudev device), (context, flags, device), MADE, device,
	     MAKE_KNOWN)
CONTEXT_CALL(cuCtxCreate_v3, (ks_cuctx *context, void *affinity, int n, unsigned flags, ks_cudev device),
	     (context, affinity, n, flags, device), MADE, device, MAKE_KNOWN)
CONTEXT_CALL(cuCtxCreate_v4, (ks_cuctx *context, void *parameters, unsigned flags, ks_cudev device),
	     (context, parameters, flags, device), MADE, device, MAKE_KNOWN)

#define CONTEXT_TOLD(symbol, parameters, arguments, then)                                          \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		if (result)                                                                        \
			ks_cuda_fail(CU_##symbol, result, NULL);                                   \
		else                                                                               \
			then;                                                                      \
		errno = error;                                                                     \
		return result;                                                                     \
	}
CONTEXT_TOLD(cuCtxSetCurrent, (ks_cuctx context), (context), set_top(context))
CONTEXT_TOLD(cuCtxPushCurrent, (ks_cuctx context), (context), push(context))
CONTEXT_TOLD(cuCtxPushCurrent_v2, (ks_cuctx context), (context), push(context))
CONTEXT_TOLD(cuCtxPopCurrent, (ks_cuctx *context), (context), pop())
CONTEXT_TOLD(cuCtxPopCurrent_v2, (ks_cuctx *context), (context), pop())
CONTEXT_TOLD(cuCtxGetCurrent, (ks_cuctx *context), (context), if (context) set_top(*context))
CONTEXT_TOLD(cuCtxGetDevice, (ks_cudev *device), (device),
	     if (device && here.number && *device >= 0 && *device < 128) contexts[here.number - 1].device = *device)
