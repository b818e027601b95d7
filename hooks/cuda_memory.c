/* SPDX-License-Identifier: MIT */
/*
 * Memory of the GPU: every request and every block given back, with live bytes by kind.
 *
 * The table of live blocks lies in the trace, so that it survives the death. It is open addressing
 * without locks: an entry is claimed by storing its address. Bookkeeping never decides about a
 * call: it is forwarded first, whatever the table says.
 */
#include "hooks/cuda.h"

#include <sys/resource.h>

#include "shim/safe.h"

#define LIVE	32768		/* entries, a power of two: 1 MiB of the trace, made at the first allocation */
#define PROBES	64
#define GONE	1		/* address of an entry that was given back */

static struct ks_gpu_live *live;
static uint32_t live_of;	/* generation */
static unsigned live_failed;

static struct ks_gpu_live *table(void)
{
	struct ks_gpu_live *t = __atomic_load_n(&live, __ATOMIC_ACQUIRE);

	if (KS_LIKELY(t && live_of == ks.generation))
		return t;
	if (!ks.on || (live_failed && live_of == ks.generation))
		return NULL;
	t = ks_grow(KS_REGION_STATE, sizeof(struct ks_gpu_live), LIVE, KS_STATE_GPU_LIVE);
	live_of = ks.generation;
	live_failed = !t;
	__atomic_store_n(&live, t, __ATOMIC_RELEASE);
	return t;
}

static unsigned place(uint64_t address)
{
	return (unsigned)((address * 0x9e3779b97f4a7c15ull) >> 49) & (LIVE - 1);
}

static void remember(uint64_t address, uint64_t size, unsigned kind, int device)
{
	struct ks_gpu_live *t = table();
	unsigned at = place(address);

	for (unsigned i = 0; t && i < PROBES; i++, at = (at + 1) & (LIVE - 1)) {
		uint64_t was = __atomic_load_n(&t[at].address, __ATOMIC_RELAXED);

		if (was > GONE && was != address)
			continue;
		if (!__atomic_compare_exchange_n(&t[at].address, &was, address, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		t[at].size = size;
		t[at].time = ks_clock();
		t[at].tid = ks_tid();
		t[at].kind = (uint8_t)kind;
		t[at].device = (int8_t)device;
		return;
	}
	ks_cuda_count(&ks_gpu()->untracked, 1);
}

/* Takes a block out of the table: its size and kind; false where it is not known. */
static bool forget(uint64_t address, uint64_t *size, unsigned *kind)
{
	struct ks_gpu_live *t = table();
	unsigned at = place(address);

	for (unsigned i = 0; t && i < PROBES; i++, at = (at + 1) & (LIVE - 1)) {
		uint64_t was = __atomic_load_n(&t[at].address, __ATOMIC_ACQUIRE);

		if (!was)
			break;
		if (was != address)
			continue;
		*size = t[at].size;
		*kind = t[at].kind;
		__atomic_store_n(&t[at].address, GONE, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

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

static void given(unsigned kind, uint64_t address, uint64_t size)
{
	struct ks_gpu *gpu = ks_gpu();
	int device = ks_cuda_device();

	if (kind < KS_GPU_KINDS) {
		raise_peak(&gpu->peak[kind], __atomic_add_fetch(&gpu->live[kind], size, __ATOMIC_RELAXED));
		ks_cuda_count(&gpu->count[kind], 1);
	}
	if (on_device(kind))
		raise_peak(&gpu->device_peak, __atomic_add_fetch(&gpu->device_live, size, __ATOMIC_RELAXED));
	if (!ks.on)
		return;
	remember(address, size, kind, device);
	KS_EMIT(cuda_alloc, .kind = kind | (uint64_t)(uint8_t)device << 8, .size = size, .address = address,
		.stack = ks_callers_often());
}

static void taken_back(uint64_t address, int result)
{
	struct ks_gpu *gpu = ks_gpu();
	uint64_t size = 0;
	unsigned kind = 0;

	if (!address || result)
		return;
	if (!forget(address, &size, &kind)) {
		ks_cuda_count(&gpu->unknown_frees, 1);
	} else if (kind < KS_GPU_KINDS) {
		ks_cuda_count(&gpu->live[kind], -size);
		ks_cuda_count(&gpu->count[kind], (uint64_t)-1);
		if (on_device(kind))
			ks_cuda_count(&gpu->device_live, -size);
	}
	KS_EMIT(cuda_free, .address = address, .size = size, .kind = kind, .result = result);
}

static void note_info(uint64_t free_bytes, uint64_t total, bool ours)
{
	struct ks_gpu *gpu = ks_gpu();

	if (!gpu->first_total) {
		gpu->first_free = free_bytes;
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

/* The one question of our own here: how much was free when a request failed. Only with a context. */
static void ask_free(uint64_t *free_bytes, uint64_t *total)
{
	KS_TLS bool asking;
	size_t f = 0, t = 0;

	*free_bytes = *total = UINT64_MAX;
	if (asking || !ks_cuda_real[CU_cuMemGetInfo_v2] || ks_cuda_device() < 0)
		return;
	asking = true;
	if (CUREAL(cuMemGetInfo_v2, (size_t *, size_t *))(&f, &t) == 0) {
		*free_bytes = f;
		*total = t;
		note_info(f, t, true);
	}
	asking = false;
}

static void refused(unsigned function, int result, unsigned kind, uint64_t size)
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
	if (result == 2 && n <= 64)
		ask_free(&free_bytes, &total);
	ks_memory_now(&now);
	KS_EMIT(cuda_alloc_failed, .function = ks_text(ks_cuda_table[function].symbol), .size = size, .result = result,
		.kind = kind | (uint64_t)(uint8_t)ks_cuda_device() << 8, .live = gpu->live[kind],
		.live_device = gpu->device_live, .free = free_bytes, .total = total, .stack = ks_callers(),
		.vsize = now.vsize, .as_limit = now.as_limit, .locked_limit = ks_limit(RLIMIT_MEMLOCK), .count = n);
}

/* A request: forwarded, then booked. got: the address, looked at only after success. */
#define REQUEST(symbol, parameters, arguments, kind_, size_, got)                                  \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result = CUREAL(symbol, parameters) arguments;                                 \
		int error = errno;                                                                 \
		if (result)                                                                        \
			refused(CU_##symbol, result, kind_, size_);                                \
		else if (got)                                                                      \
			given(kind_, got, size_);                                                  \
		errno = error;                                                                     \
		return result;                                                                     \
	}

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
REQUEST(cuMemHostRegister_v2, (void *address, size_t size, unsigned flags), (address, size, flags), KS_GPU_PINNED,
	size, (uint64_t)(uintptr_t)address)
REQUEST(cuMemAllocAsync, (ks_cuptr *address, size_t size, void *stream), (address, size, stream), KS_GPU_POOL, size, AT)
REQUEST(cuMemAllocAsync_ptsz, (ks_cuptr *address, size_t size, void *stream), (address, size, stream), KS_GPU_POOL,
	size, AT)
REQUEST(cuMemAllocFromPoolAsync, (ks_cuptr *address, size_t size, void *pool, void *stream),
	(address, size, pool, stream), KS_GPU_POOL, size, AT)
REQUEST(cuMemAllocFromPoolAsync_ptsz, (ks_cuptr *address, size_t size, void *pool, void *stream),
	(address, size, pool, stream), KS_GPU_POOL, size, AT)
REQUEST(cuMemCreate, (unsigned long long *handle, size_t size, const void *properties, unsigned long long flags),
	(handle, size, properties, flags), KS_GPU_PHYSICAL, size, (handle ? (uint64_t)*handle : 0))

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

/* A block given back: booked before nobody else can get the address, undone where the call fails. */
#define RETURN(symbol, parameters, arguments, what)                                                \
	int ks_w_##symbol parameters                                                               \
	{                                                                                          \
		int result, error;                                                                 \
		uint64_t block = (uint64_t)(what), size = 0;                                       \
		unsigned kind = 0;                                                                 \
		bool known = block && forget(block, &size, &kind);                                 \
		result = CUREAL(symbol, parameters) arguments;                                     \
		error = errno;                                                                     \
		if (known)                                                                         \
			remember_again(block, size, kind, result);                                 \
		else                                                                               \
			taken_back(block, result);                                                 \
		if (result)                                                                        \
			ks_cuda_fail(CU_##symbol, result, NULL);                                   \
		errno = error;                                                                     \
		return result;                                                                     \
	}

static void remember_again(uint64_t address, uint64_t size, unsigned kind, int result)
{
	struct ks_gpu *gpu = ks_gpu();

	if (result) {		/* it is still there */
		remember(address, size, kind, ks_cuda_device());
		return;
	}
	ks_cuda_count(&gpu->live[kind], -size);
	ks_cuda_count(&gpu->count[kind], (uint64_t)-1);
	if (on_device(kind))
		ks_cuda_count(&gpu->device_live, -size);
	KS_EMIT(cuda_free, .address = address, .size = size, .kind = kind, .result = result);
}

RETURN(cuMemFree_v2, (ks_cuptr address), (address), address)
RETURN(cuMemFreeHost, (void *address), (address), (uintptr_t)address)
RETURN(cuMemHostUnregister, (void *address), (address), (uintptr_t)address)
RETURN(cuMemFreeAsync, (ks_cuptr address, void *stream), (address, stream), address)
RETURN(cuMemFreeAsync_ptsz, (ks_cuptr address, void *stream), (address, stream), address)
RETURN(cuMemRelease, (unsigned long long handle), (handle), handle)
RETURN(cuArrayDestroy, (void *array), (array), (uintptr_t)array)
