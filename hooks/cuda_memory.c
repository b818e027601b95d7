/* SPDX-License-Identifier: MIT */
/*
 * Memory of the GPU: every request and every block given back, with live bytes by kind.
 * Bookkeeping (cuda_blocks.c) never decides about a call: it is forwarded first, whatever we know.
 */
#include "hooks/cuda.h"

#include <sys/resource.h>

#include "shim/safe.h"

static void raise_peak(uint64_t *peak, uint64_t now)
{
	uint64_t was = __atomic_load_n(peak, __ATOMIC_RELAXED);

	while (now > was && !__atomic_compare_exchange_n(peak, &was, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static bool on_device(unsigned kind)
{
	return kind <= KS_GPU_PHYSICAL;
}

static void book(const struct ks_cuda_block *b)
{
	struct ks_gpu *gpu = ks_gpu();

	raise_peak(&gpu->peak[b->kind], __atomic_add_fetch(&gpu->live[b->kind], b->size, __ATOMIC_RELAXED));
	ks_cuda_count(&gpu->count[b->kind], 1);
	if (!on_device(b->kind))
		return;
	raise_peak(&gpu->device_peak, __atomic_add_fetch(&gpu->device_live, b->size, __ATOMIC_RELAXED));
	if (b->device >= 0 && b->device < 16)
		ks_cuda_count(&gpu->by_device[b->device], b->size);
}

static void unbook(const struct ks_cuda_block *b)
{
	struct ks_gpu *gpu = ks_gpu();

	ks_cuda_count(&gpu->live[b->kind], -b->size);
	ks_cuda_count(&gpu->count[b->kind], (uint64_t)-1);
	if (!on_device(b->kind))
		return;
	ks_cuda_count(&gpu->device_live, -b->size);
	if (b->device >= 0 && b->device < 16)
		ks_cuda_count(&gpu->by_device[b->device], -b->size);
}

/* Physical and registered memory does not end with a context. */
static bool lasting(unsigned function)
{
	return function == CU_cuMemCreate || function == CU_cuMemHostRegister || function == CU_cuMemHostRegister_v2;
}

static void given(unsigned function, unsigned kind, uint64_t address, uint64_t size, int device)
{
	struct ks_cuda_block b = { .address = address, .size = size, .kind = kind, .device = device,
				   .context = lasting(function) ? 0 : ks_cuda_context_number() };
	struct ks_cuda_block stale;

	if (!ks.on)
		return;
	/* Its end was not seen: a call that is not hooked, or a driver that was unloaded. */
	if (ks_cuda_block_take(address, &stale))
		unbook(&stale);
	if (ks_cuda_block_put(&b)) {
		book(&b);
	} else {		/* in the totals it would stay for ever */
		ks_cuda_count(&ks_gpu()->untracked, 1);
		ks_cuda_count(&ks_gpu()->untracked_bytes, size);
	}
	KS_EMIT(cuda_alloc, .kind = kind | (uint64_t)(uint8_t)device << 8, .size = size, .address = address,
		.stack = ks_callers_often());
}

void ks_cuda_memory_gone(unsigned number)
{
	struct ks_cuda_block b;
	unsigned long at = 0;

	while (ks.on && ks_cuda_block_of(number, &at, &b)) {
		unbook(&b);
		KS_EMIT(cuda_free, .address = b.address, .size = b.size, .kind = b.kind);
	}
}

static void note_info(uint64_t free_bytes, uint64_t total, bool ours)
{
	struct ks_gpu *gpu = ks_gpu();

	if (!gpu->first_total) {
		gpu->first_free = free_bytes;
		gpu->first_live = gpu->device_live;
		gpu->first_info_time = ks_clock();
		gpu->first_total = total;
	}
	gpu->last_free = free_bytes;
	gpu->last_total = total;
	gpu->last_info_time = ks_clock();
	KS_EMIT(cuda_memory, .free = free_bytes, .total = total, .live = gpu->device_live, .device = ks_cuda_device(),
		.ours = ours);
}

int ks_w_cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
	int result = CUREAL(cuMemGetInfo_v2, (size_t *, size_t *))(free_bytes, total);
	int error = errno;

	if (result)
		ks_cuda_fail(CU_cuMemGetInfo_v2, result, NULL);
	else if (free_bytes && total)
		note_info(*free_bytes, *total, false);
	errno = error;
	return result;
}

/* The one question of our own here: how much was free when a request failed with 2, so that the
 * thread has a context (or the driver says 201, and nothing is learnt). */
static void ask_free(uint64_t *free_bytes, uint64_t *total)
{
	KS_TLS bool asking;
	size_t f = 0, t = 0;

	*free_bytes = *total = UINT64_MAX;
	if (asking || ks.sealed || !ks.on || !ks_cuda_real[CU_cuMemGetInfo_v2])
		return;
	asking = true;
	if (CUREAL(cuMemGetInfo_v2, (size_t *, size_t *))(&f, &t) == 0) {
		*free_bytes = f;
		*total = t;
		note_info(f, t, true);
	}
	asking = false;
}

static void refused(unsigned function, int result, unsigned kind, uint64_t size, int device)
{
	static uint64_t times;
	struct ks_gpu *gpu = ks_gpu();
	struct ks_memory now;
	uint64_t n = __atomic_add_fetch(&times, 1, __ATOMIC_RELAXED), free_bytes = UINT64_MAX, total = UINT64_MAX;

	if (!ks.chosen)
		return;
	ks_cuda_fail(function, result, NULL);
	if (n > 256 && (n & (n - 1)))
		return;
	/* The driver tells it of the thread's own device only. */
	if (result == 2 && n <= 64 && (device < 0 || device == ks_cuda_device()))
		ask_free(&free_bytes, &total);
	ks_memory_now(&now);
	KS_EMIT(cuda_alloc_failed, .function = ks_text(ks_cuda_table[function].symbol), .size = size, .result = result,
		.kind = kind | (uint64_t)(uint8_t)device << 8, .live = gpu->live[kind],
		.live_device = device >= 0 && device < 16 ? gpu->by_device[device] : gpu->device_live,
		.free = free_bytes, .total = total, .stack = ks_callers(), .vsize = now.vsize, .as_limit = now.as_limit,
		.locked_limit = ks_limit(RLIMIT_MEMLOCK), .count = n);
}

/* A request: forwarded, then booked. got: the address, looked at only after success. */
#define REQUEST_ON(symbol, parameters, arguments, kind_, size_, got, device_)                      \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		if (result)                                                                        \
			refused(CU_##symbol, result, kind_, size_, device_);                       \
		else if (got)                                                                      \
			given(CU_##symbol, kind_, got, size_, device_);                            \
		errno = error;                                                                     \
		return result;                                                                     \
	}
#define REQUEST(symbol, parameters, arguments, kind_, size_, got)                                  \
	REQUEST_ON(symbol, parameters, arguments, kind_, size_, got, ks_cuda_device())

#define AT (address ? (uint64_t)*address : 0)
#define AT_POINTER (address ? (uint64_t)(uintptr_t)*address : 0)
REQUEST(cuMemAlloc_v2, (ks_cuptr *address, size_t size), (address, size), KS_GPU_DEVICE, size, AT)
REQUEST(cuMemAllocPitch_v2, (ks_cuptr *address, size_t *pitch, size_t width, size_t height, unsigned element),
	(address, pitch, width, height, element), KS_GPU_DEVICE, (!result && pitch ? *pitch : width) * height, AT)
REQUEST(cuMemAllocManaged, (ks_cuptr *address, size_t size, unsigned flags), (address, size, flags), KS_GPU_MANAGED,
	size, AT)
REQUEST(cuMemAllocHost_v2, (void **address, size_t size), (address, size), KS_GPU_PINNED, size, AT_POINTER)
REQUEST(cuMemHostAlloc, (void **address, size_t size, unsigned flags), (address, size, flags), KS_GPU_PINNED, size,
	AT_POINTER)
REQUEST(cuMemHostRegister, (void *address, size_t size, unsigned flags), (address, size, flags), KS_GPU_PINNED, size,
	(uint64_t)(uintptr_t)address)
REQUEST(cuMemHostRegister_v2, (void *address, size_t size, unsigned flags), (address, size, flags), KS_GPU_PINNED,
	size, (uint64_t)(uintptr_t)address)
REQUEST(cuMemAllocAsync, (ks_cuptr *address, size_t size, void *stream), (address, size, stream), KS_GPU_POOL, size, AT)
REQUEST(cuMemAllocAsync_ptsz, (ks_cuptr *address, size_t size, void *stream), (address, size, stream), KS_GPU_POOL,
	size, AT)
REQUEST(cuMemAllocFromPoolAsync, (ks_cuptr *address, size_t size, void *pool, void *stream),
	(address, size, pool, stream), KS_GPU_POOL, size, AT)
REQUEST(cuMemAllocFromPoolAsync_ptsz, (ks_cuptr *address, size_t size, void *pool, void *stream),
	(address, size, pool, stream), KS_GPU_POOL, size, AT)

/* CUmemAllocationProp begins with type, handle types and the location: its type (1: a device) and number (cuda.h). */
static int where(const int *properties, unsigned *kind)
{
	*kind = !properties || properties[2] == 1 ? KS_GPU_PHYSICAL : KS_GPU_PINNED;
	return properties && properties[2] == 1 ? properties[3] : -1;
}

int ks_w_cuMemCreate(unsigned long long *handle, size_t size, const void *properties, unsigned long long flags)
{
	int result = CUREAL(cuMemCreate, (unsigned long long *, size_t, const void *, unsigned long long))(handle, size,
													   properties, flags);
	int error = errno, device;
	unsigned kind;

	device = result == 0 || result == 2 ? where(properties, &kind) : where(NULL, &kind);
	if (result)
		refused(CU_cuMemCreate, result, kind, size, device);
	else if (handle)
		given(CU_cuMemCreate, kind, *handle, size, device);
	errno = error;
	return result;
}

/* CUDA_ARRAY_DESCRIPTOR: width, height, format, channels; _3D_ has a depth after height (cuda.h). */
static uint64_t array_size(const void *descriptor, bool three)
{
	static const uint8_t bytes[] = { [1] = 1, [2] = 2, [3] = 4, [8] = 1, [9] = 2, [10] = 4, [0x10] = 2, [0x20] = 4 };
	const size_t *n = descriptor;
	const unsigned *format;
	uint64_t size;

	if (!descriptor)
		return 0;
	format = (const unsigned *)(n + (three ? 3 : 2));
	size = n[0] * (n[1] ? n[1] : 1) * (three && n[2] ? n[2] : 1);
	return size * (format[0] < sizeof(bytes) ? bytes[format[0]] : 1) * format[1];
}
REQUEST(cuArrayCreate_v2, (void **address, const void *descriptor), (address, descriptor), KS_GPU_DEVICE,
	array_size(descriptor, false), AT_POINTER)
REQUEST(cuArray3DCreate_v2, (void **address, const void *descriptor), (address, descriptor), KS_GPU_DEVICE,
	array_size(descriptor, true), AT_POINTER)

/* Each level of a mipmapped array has half the width and height of the one before (cuda.h). */
static uint64_t levels_size(const void *descriptor, unsigned levels)
{
	uint64_t size = array_size(descriptor, true), all = 0;

	for (unsigned i = 0; i < levels && size; i++, size /= 4)
		all += size;
	return all;
}
REQUEST(cuMipmappedArrayCreate, (void **address, const void *descriptor, unsigned levels), (address, descriptor, levels),
	KS_GPU_DEVICE, levels_size(descriptor, levels), AT_POINTER)

bool ks_cuda_is_request(unsigned function)
{
	switch (function) {
#define IS(symbol)	case CU_##symbol:
	IS(cuMemAlloc_v2) IS(cuMemAllocPitch_v2) IS(cuMemAllocManaged) IS(cuMemAllocHost_v2) IS(cuMemHostAlloc)
	IS(cuMemHostRegister) IS(cuMemHostRegister_v2) IS(cuMemAllocAsync) IS(cuMemAllocAsync_ptsz) IS(cuMemAllocFromPoolAsync)
	IS(cuMemAllocFromPoolAsync_ptsz) IS(cuMemCreate) IS(cuArrayCreate_v2) IS(cuArray3DCreate_v2) IS(cuMipmappedArrayCreate)
		return true;
	}
	return false;
}

/* A block given back: forgotten before anybody else can get the address, remembered again where the call fails. */
#define RETURN(symbol, parameters, arguments, what)                                                \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		struct ks_cuda_block block = { .address = (uint64_t)(what) };                      \
		bool known = block.address && ks_cuda_block_take(block.address, &block);           \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		if (block.address)                                                                 \
			taken_back(&block, known, result);                                         \
		if (result)                                                                        \
			ks_cuda_fail(CU_##symbol, result, NULL);                                   \
		errno = error;                                                                     \
		return result;                                                                     \
	}

static void taken_back(const struct ks_cuda_block *b, bool known, int result)
{
	if (result) {		/* it is still there */
		if (known && !ks_cuda_block_put(b))
			unbook(b);
		return;
	}
	if (known)
		unbook(b);
	else
		ks_cuda_count(&ks_gpu()->unknown_frees, 1);
	KS_EMIT(cuda_free, .address = b->address, .size = b->size, .kind = b->kind, .result = result);
}

RETURN(cuMemFree_v2, (ks_cuptr address), (address), address)
RETURN(cuMemFreeHost, (void *address), (address), (uintptr_t)address)
RETURN(cuMemHostUnregister, (void *address), (address), (uintptr_t)address)
RETURN(cuMemFreeAsync, (ks_cuptr address, void *stream), (address, stream), address)
RETURN(cuMemFreeAsync_ptsz, (ks_cuptr address, void *stream), (address, stream), address)
RETURN(cuMemRelease, (unsigned long long handle), (handle), handle)
RETURN(cuArrayDestroy, (void *array), (array), (uintptr_t)array)
RETURN(cuMipmappedArrayDestroy, (void *array), (array), (uintptr_t)array)
