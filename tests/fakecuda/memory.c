/* SPDX-License-Identifier: MIT */
/* Memory of the driver without a GPU (fakecuda.h): numbers, and host memory where a program writes to it. */
#include "fakecuda.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define BUCKETS	(1 << 16)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t used[MOST_DEVICES], pinned;
static bool has_context[MOST_DEVICES];
static cuptr next_address = 0x700000000000ull;

struct block {
	cuptr address;
	uint64_t size;
	int device;		/* -1: of the host */
	bool lasting, own;	/* outlives its context; malloc gave it */
	struct block *next;
};
static struct block *blocks[BUCKETS];

static unsigned bucket(cuptr address)
{
	return (unsigned)(address * 0x9e3779b97f4a7c15ull >> 48) & (BUCKETS - 1);
}

static int here(void)
{
	return fake_device() < 0 ? 0 : fake_device();
}

static uint64_t room(int device)
{
	uint64_t all = fake_script.mem, gone = fake_script.other + used[device];

	return all > gone ? all - gone : 0;
}

void fake_context_made(int device)
{
	if (!has_context[device])
		used[device] += fake_script.context;
	has_context[device] = true;
}

void fake_forget(int device)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (struct block **p = &blocks[i], *b; (b = *p);) {
			if (b->device != device || b->lasting) {
				p = &b->next;
				continue;
			}
			*p = b->next;
			used[device] -= b->size;
			free(b);
		}
	}
	if (has_context[device])
		used[device] -= fake_script.context;
	has_context[device] = false;
	pthread_mutex_unlock(&lock);
}

static int book(cuptr *address, uint64_t size, void *host, int device, bool lasting, bool own)
{
	struct block *b;

	if (!address || !size)
		return 1;
	pthread_mutex_lock(&lock);
	if (host ? pinned + size > fake_script.pinned : size > room(device) || size > fake_script.largest) {
		pthread_mutex_unlock(&lock);
		return 2;
	}
	b = calloc(1, sizeof(*b));
	*b = (struct block){ .size = size, .device = host ? -1 : device, .lasting = lasting, .own = own,
			     .address = host ? (cuptr)(uintptr_t)host : next_address };
	if (host) {
		pinned += size;
	} else {
		next_address += (size + 0x1ff) & ~0x1ffull;
		used[device] += size;
	}
	b->next = blocks[bucket(b->address)];
	blocks[bucket(b->address)] = b;
	*address = fake_script.garbage ? (cuptr)-1 : b->address;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int take(cuptr *address, uint64_t size)
{
	return book(address, size, NULL, here(), false, false);
}

static int take_host(void **address, uint64_t size)
{
	void *host;
	cuptr a;
	int result;

	if (!address || !size)
		return 1;
	host = size > 64ull << 30 ? NULL : malloc(size);
	if (!host)
		return 2;
	result = book(&a, size, host, -1, true, true);
	if (result)
		free(host);
	else
		*address = host;
	return result;
}

static int give_back(cuptr address)
{
	if (!address)
		return 0;
	pthread_mutex_lock(&lock);
	for (struct block **p = &blocks[bucket(address)], *b; (b = *p); p = &b->next) {
		if (b->address != address)
			continue;
		*p = b->next;
		if (b->device >= 0)
			used[b->device] -= b->size;
		else
			pinned -= b->size;
		pthread_mutex_unlock(&lock);
		if (b->own)
			free((void *)(uintptr_t)address);
		free(b);
		return 0;
	}
	pthread_mutex_unlock(&lock);
	return 1;
}

API int cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
	BEGIN();
	if (fake_device() < 0)
		return 201;
	if (free_bytes)
		*free_bytes = fake_script.garbage ? ~0ul : room(here());
	if (total)
		*total = fake_script.garbage ? 3 : fake_script.mem;
	return 0;
}

API int cuMemAlloc_v2(cuptr *address, size_t size)
{
	BEGIN();
	return take(address, size);
}

API int cuMemAlloc(unsigned *address, unsigned size)	/* the ABI of CUDA 2.0 */
{
	cuptr a = 0;
	int result;

	BEGIN();
	result = take(&a, size);
	if (!result)
		*address = (unsigned)a;
	return result;
}

API int cuMemAllocPitch_v2(cuptr *address, size_t *pitch, size_t width, size_t height, unsigned element)
{
	BEGIN();
	*pitch = (width + 511) & ~511ul;
	return take(address, *pitch * height);
}

API int cuMemAllocManaged(cuptr *address, size_t size, unsigned flags)
{
	void *host = NULL;
	int result;

	BEGIN();
	result = take_host(&host, size);
	if (!result)
		*address = (cuptr)(uintptr_t)host;
	return result;
}

API int cuMemFree_v2(cuptr address)
{
	BEGIN();
	return give_back(address);
}

API int cuMemAllocHost_v2(void **address, size_t size)
{
	BEGIN();
	return take_host(address, size);
}

API int cuMemHostAlloc(void **address, size_t size, unsigned flags)
{
	BEGIN();
	return take_host(address, size);
}

API int cuMemFreeHost(void *address)
{
	BEGIN();
	return give_back((cuptr)(uintptr_t)address);
}

API int cuMemHostRegister_v2(void *address, size_t size, unsigned flags)
{
	cuptr a;

	BEGIN();
	return address ? book(&a, size, address, -1, true, false) : 1;
}

API int cuMemHostUnregister(void *address)
{
	BEGIN();
	return give_back((cuptr)(uintptr_t)address);
}

ANSWERS(cuMemHostGetDevicePointer_v2, (cuptr *address, void *host, unsigned flags), address, (cuptr)(uintptr_t)host)
ANSWERS(cuMemHostGetFlags, (unsigned *flags, void *host), flags, 0)

API int cuMemGetAddressRange_v2(cuptr *base, size_t *size, cuptr address)
{
	struct block *b;

	BEGIN();
	pthread_mutex_lock(&lock);
	for (b = blocks[bucket(address)]; b && b->address != address; b = b->next)
		;
	if (b && base)
		*base = b->address;
	if (b && size)
		*size = b->size;
	pthread_mutex_unlock(&lock);
	return b ? 0 : 1;
}

/* --- pools --- */

#define POOLED(name, parameters)                                                                   \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		return take(address, size);                                                        \
	}
POOLED(cuMemAllocAsync, (cuptr *address, size_t size, void *stream))
POOLED(cuMemAllocAsync_ptsz, (cuptr *address, size_t size, void *stream))
POOLED(cuMemAllocFromPoolAsync, (cuptr *address, size_t size, void *pool, void *stream))
POOLED(cuMemAllocFromPoolAsync_ptsz, (cuptr *address, size_t size, void *pool, void *stream))

API int cuMemFreeAsync(cuptr address, void *stream)
{
	BEGIN();
	return give_back(address);
}

API int cuMemFreeAsync_ptsz(cuptr address, void *stream)
{
	BEGIN();
	return give_back(address);
}

MAKES(cuMemPoolCreate, (void **pool, const void *properties), pool)
SIMPLE(cuMemPoolDestroy, (void *pool))
SIMPLE(cuMemPoolTrimTo, (void *pool, size_t keep))
SIMPLE(cuMemPoolSetAttribute, (void *pool, int attribute, void *value))
ANSWERS(cuMemPoolGetAttribute, (void *pool, int attribute, uint64_t *value), value, 0)
SIMPLE(cuMemPoolSetAccess, (void *pool, const void *map, size_t n))
MAKES(cuDeviceGetDefaultMemPool, (void **pool, int device), pool)
MAKES(cuDeviceGetMemPool, (void **pool, int device), pool)
SIMPLE(cuDeviceSetMemPool, (int device, void *pool))

/* --- virtual memory management --- */

struct properties {		/* CUmemAllocationProp, its beginning */
	int type, handle_types;
	struct {
		int type, id;	/* CUmemLocation; type 1: a device */
	} location;
};

API int cuMemCreate(unsigned long long *handle, size_t size, const struct properties *p, unsigned long long flags)
{
	int device;
	cuptr a = 0;
	int result;

	BEGIN();
	if (!p || !handle || size % (2 << 20))
		return 1;
	device = p->location.type == 1 ? p->location.id : 0;
	if (device < 0 || device >= fake_script.devices)
		return 101;
	result = book(&a, size, NULL, device, true, false);
	if (!result)
		*handle = a;
	return result;
}

API int cuMemRelease(unsigned long long handle)
{
	BEGIN();
	return give_back(handle);
}

API int cuMemAddressReserve(cuptr *address, size_t size, size_t alignment, cuptr at, unsigned long long flags)
{
	BEGIN();
	*address = __atomic_fetch_add(&next_address, size, __ATOMIC_RELAXED);
	return 0;
}

SIMPLE(cuMemAddressFree, (cuptr address, size_t size))
SIMPLE(cuMemMap, (cuptr address, size_t size, size_t offset, unsigned long long handle, unsigned long long flags))
SIMPLE(cuMemUnmap, (cuptr address, size_t size))
SIMPLE(cuMemSetAccess, (cuptr address, size_t size, const void *access, size_t n))
ANSWERS(cuMemGetAllocationGranularity, (size_t *bytes, const void *properties, int option), bytes, 2 << 20)

/* --- arrays, other processes --- */

API int cuArrayCreate_v2(void **array, const size_t *descriptor)
{
	cuptr a = 0;
	int result;

	BEGIN();
	result = take(&a, descriptor[0] * (descriptor[1] ? descriptor[1] : 1) * 4);
	*array = (void *)(uintptr_t)a;
	return result;
}

API int cuArrayDestroy(void *array)
{
	BEGIN();
	return give_back((cuptr)(uintptr_t)array);
}

struct ipc {
	char reserved[64];
};
SIMPLE(cuIpcGetMemHandle, (void *handle, cuptr address))
SIMPLE(cuIpcCloseMemHandle, (cuptr address))
ANSWERS(cuIpcOpenMemHandle_v2, (cuptr *address, struct ipc handle, unsigned flags), address, 0x600000000000ull)
ANSWERS(cuIpcOpenMemHandle, (cuptr *address, struct ipc handle, unsigned flags), address, 0x600000000000ull)

API int cuPointerGetAttribute(void *data, int attribute, cuptr address)
{
	BEGIN();
	if (attribute != 2 || address < 0x700000000000ull)	/* CU_POINTER_ATTRIBUTE_MEMORY_TYPE */
		return 1;
	*(unsigned *)data = 2;
	return 0;
}
