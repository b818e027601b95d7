/* SPDX-License-Identifier: MIT */
/*
 * A libcuda.so.1 without a GPU, for tests: an accountant, not a processor. It keeps devices,
 * contexts and memory by number and gives the answers that a script asks for. Linked -Bsymbolic, so
 * that a preload cannot stand between its own functions. cudart's integrity check is not
 * answered: programs on the runtime API end in error 103 here, as they must.
 *
 * FAKECUDA holds words separated by blanks or commas:
 *	devices=N	default 1		mem=SIZE	memory of a device, default 8g
 *	other=SIZE	held by others		version=N	cuDriverGetVersion, default 12080
 *	cc=N		compute capability, 86	init=CODE	result of cuInit and of all after it
 *	reserve=SIZE	address space that cuInit reserves, as the real one does (default none)
 *	fail=NAME:CODE[@N]	the Nth call (from 1; default every one) of NAME gives CODE
 *	sticky=NAME:CODE@N	as fail, and from then on every call gives CODE
 *	delay=NAME:MS	NAME takes so long	abort=NAME	NAME frees a block twice (a driver's bug)
 *	log=TEXT	text of cuLogsDumpToMemory, '_' for blanks
 *	noproc		no cuGetProcAddress (the driver of CUDA 11.2)
 * Facts: cuda.h of CUDA 13.0.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))
typedef uint64_t cuptr;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int init_done, init_pid, sticky_code;
static uint64_t used[16];
static cuptr next_address = 0x700000000000ull;
static __thread int current_device = -1;

struct block {
	cuptr address;
	uint64_t size;
	int device;
	struct block *next;
};
static struct block *blocks[4096];

/* --- the script --- */

static const char *word(const char *key, char *to, size_t size)
{
	const char *p = getenv("FAKECUDA");
	size_t n = strlen(key);

	while (p && *p) {
		size_t len = strcspn(p, " ,");

		if (len > n && strncmp(p, key, n) == 0 && p[n] == '=') {
			snprintf(to, size, "%.*s", (int)(len - n - 1), p + n + 1);
			return to;
		}
		if (len == n && strncmp(p, key, n) == 0) {
			to[0] = '\0';
			return to;
		}
		p += len;
		p += strspn(p, " ,");
	}
	return NULL;
}

static uint64_t number(const char *key, uint64_t otherwise)
{
	char text[64], *end;
	uint64_t value;

	if (!word(key, text, sizeof(text)))
		return otherwise;
	value = strtoull(text, &end, 0);
	switch (*end | 32) {
	case 'g':
		return value << 30;
	case 'm':
		return value << 20;
	case 'k':
		return value << 10;
	}
	return value;
}

static struct {
	char name[64];
	unsigned calls;
} counted[256];

static unsigned count_call(const char *name)
{
	for (unsigned i = 0; i < 256; i++) {
		if (!counted[i].name[0])
			snprintf(counted[i].name, sizeof(counted[i].name), "%s", name);
		if (strcmp(counted[i].name, name) == 0)
			return ++counted[i].calls;
	}
	return 0;
}

/* "NAME:CODE@N" of this key for this call; -1 none. */
static int scripted(const char *key, const char *name, unsigned call)
{
	char text[128];
	size_t n = strlen(name);

	if (!word(key, text, sizeof(text)) || strncmp(text, name, n) != 0 || text[n] != ':')
		return -1;
	if (strchr(text, '@') && call != (unsigned)atoi(strchr(text, '@') + 1))
		return -1;
	return atoi(text + n + 1);
}

/* What every call begins with: the result that it must give at once, 0: go on. */
static int begin(const char *name)
{
	char text[64];
	unsigned call;
	int code;

	pthread_mutex_lock(&lock);
	call = count_call(name);
	code = scripted("sticky", name, call);
	if (code > 0)
		sticky_code = code;
	pthread_mutex_unlock(&lock);
	code = scripted("delay", name, call);
	if (code > 0)
		usleep((useconds_t)code * 1000);
	if (word("abort", text, sizeof(text)) && strcmp(text, name) == 0) {
		void *volatile p = malloc(100);

		free(p);
		free(p);
	}
	if (sticky_code)
		return sticky_code;
	code = scripted("fail", name, call);
	if (code > 0)
		return code;
	if (strcmp(name, "cuInit") == 0 || strcmp(name, "cuDriverGetVersion") == 0)
		return 0;
	if (!init_done || init_pid != getpid())
		return 3;
	return 0;
}
#define BEGIN()                                                                                    \
	do {                                                                                       \
		int begun_ = begin(__func__);                                                      \
		if (begun_)                                                                        \
			return begun_;                                                             \
	} while (0)

/* --- init, devices, contexts --- */

API int cuInit(unsigned flags)
{
	uint64_t reserve = number("reserve", 0);
	int code = (int)number("init", 0);

	(void)flags;
	BEGIN();
	if (code)
		return code;
	if (reserve) {
		void *p = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return 2;
	}
	init_done = 1;
	init_pid = getpid();
	return 0;
}

API int cuDriverGetVersion(int *version)
{
	BEGIN();
	*version = (int)number("version", 12080);
	return 0;
}

API int cuDeviceGetCount(int *count)
{
	BEGIN();
	*count = (int)number("devices", 1);
	return 0;
}

API int cuDeviceGet(int *device, int ordinal)
{
	BEGIN();
	if (ordinal < 0 || ordinal >= (int)number("devices", 1))
		return 101;
	*device = ordinal;
	return 0;
}

API int cuDeviceGetName(char *name, int size, int device)
{
	BEGIN();
	snprintf(name, (size_t)size, "Fake GPU %d", device);
	return 0;
}

API int cuDeviceGetUuid(void *uuid, int device)
{
	BEGIN();
	memset(uuid, 0x40 + device, 16);
	return 0;
}

API int cuDeviceGetUuid_v2(void *uuid, int device)
{
	BEGIN();
	memset(uuid, 0x40 + device, 16);
	return 0;
}

API int cuDeviceGetPCIBusId(char *id, int size, int device)
{
	BEGIN();
	snprintf(id, (size_t)size, "0000:%02x:00.0", device + 1);
	return 0;
}

API int cuDeviceTotalMem_v2(size_t *bytes, int device)
{
	(void)device;
	BEGIN();
	*bytes = number("mem", 8ull << 30);
	return 0;
}

API int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	int cc = (int)number("cc", 86);

	BEGIN();
	switch (attribute) {
	case 1:		/* MAX_THREADS_PER_BLOCK */
	case 2:
	case 3:
		*value = 1024;
		break;
	case 4:
		*value = 64;
		break;
	case 5:
	case 6:
	case 7:
		*value = 65535;
		break;
	case 10:
		*value = 32;
		break;
	case 16:
		*value = 20;
		break;
	case 33:
		*value = device + 1;
		break;
	case 75:
		*value = cc / 10;
		break;
	case 76:
		*value = cc % 10;
		break;
	default:
		*value = 1;
	}
	return 0;
}

static void *context_of(int device)
{
	return (void *)(uintptr_t)(0x1000 + (unsigned)device * 0x100);
}

API int cuDevicePrimaryCtxRetain(void **context, int device)
{
	BEGIN();
	*context = context_of(device);
	return 0;
}

API int cuDevicePrimaryCtxRelease_v2(int device)
{
	(void)device;
	BEGIN();
	return 0;
}

API int cuDevicePrimaryCtxRelease(int device)
{
	return cuDevicePrimaryCtxRelease_v2(device);
}

API int cuDevicePrimaryCtxReset_v2(int device)
{
	BEGIN();
	used[device] = 0;
	return 0;
}

API int cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags)
{
	(void)device, (void)flags;
	BEGIN();
	return 0;
}

API int cuDevicePrimaryCtxSetFlags(int device, unsigned flags)
{
	return cuDevicePrimaryCtxSetFlags_v2(device, flags);
}

API int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active)
{
	(void)device;
	BEGIN();
	*flags = 0;
	*active = current_device >= 0;
	return 0;
}

API int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
	(void)flags;
	BEGIN();
	*context = context_of(device);
	current_device = device;
	return 0;
}

API int cuCtxDestroy_v2(void *context)
{
	(void)context;
	BEGIN();
	return 0;
}

static int set_current(void *context)
{
	current_device = context ? (int)(((uintptr_t)context - 0x1000) / 0x100) : -1;
	return 0;
}

API int cuCtxSetCurrent(void *context)
{
	BEGIN();
	return set_current(context);
}

API int cuCtxPushCurrent_v2(void *context)
{
	BEGIN();
	return set_current(context);
}

API int cuCtxPopCurrent_v2(void **context)
{
	BEGIN();
	if (context)
		*context = current_device < 0 ? NULL : context_of(current_device);
	return 0;
}

API int cuCtxGetCurrent(void **context)
{
	BEGIN();
	*context = current_device < 0 ? NULL : context_of(current_device);
	return 0;
}

API int cuCtxGetDevice(int *device)
{
	BEGIN();
	if (current_device < 0)
		return 201;
	*device = current_device;
	return 0;
}

API int cuCtxSynchronize(void)
{
	BEGIN();
	return 0;
}

API int cuCtxSetLimit(int limit, size_t value)
{
	(void)limit, (void)value;
	BEGIN();
	return 0;
}

/* --- memory --- */

static int here(void)
{
	return current_device < 0 ? 0 : current_device;
}

static uint64_t room(int device)
{
	uint64_t all = number("mem", 8ull << 30), gone = number("other", 0) + used[device];

	return all > gone ? all - gone : 0;
}

static int take(cuptr *address, uint64_t size, void *host)
{
	struct block *b;
	int device = here();

	if (!address || !size)
		return 1;
	pthread_mutex_lock(&lock);
	if (!host && size > room(device)) {
		pthread_mutex_unlock(&lock);
		return 2;
	}
	b = calloc(1, sizeof(*b));
	b->size = size;
	b->device = host ? -1 : device;
	b->address = host ? (cuptr)(uintptr_t)host : next_address;
	if (!host) {
		next_address += (size + 0xffff) & ~0xffffull;
		used[device] += size;
	}
	b->next = blocks[b->address >> 9 & 4095];
	blocks[b->address >> 9 & 4095] = b;
	*address = b->address;
	pthread_mutex_unlock(&lock);
	return 0;
}

static int give_back(cuptr address)
{
	struct block **p;

	if (!address)
		return 0;
	pthread_mutex_lock(&lock);
	for (p = &blocks[address >> 9 & 4095]; *p; p = &(*p)->next) {
		struct block *b = *p;

		if (b->address != address)
			continue;
		*p = b->next;
		if (b->device >= 0)
			used[b->device] -= b->size;
		free(b);
		pthread_mutex_unlock(&lock);
		return 0;
	}
	pthread_mutex_unlock(&lock);
	return 1;
}

API int cuMemGetInfo_v2(size_t *free_bytes, size_t *total)
{
	BEGIN();
	if (current_device < 0)
		return 201;
	if (free_bytes)
		*free_bytes = room(here());
	if (total)
		*total = number("mem", 8ull << 30);
	return 0;
}

API int cuMemAlloc_v2(cuptr *address, size_t size)
{
	BEGIN();
	return take(address, size, NULL);
}

API int cuMemAlloc(unsigned *address, unsigned size)	/* the ABI of CUDA 2.0 */
{
	cuptr a = 0;
	int result = begin("cuMemAlloc") ? 1 : take(&a, size, NULL);

	if (!result)
		*address = (unsigned)a;
	return result;
}

API int cuMemAllocPitch_v2(cuptr *address, size_t *pitch, size_t width, size_t height, unsigned element)
{
	(void)element;
	BEGIN();
	*pitch = (width + 511) & ~511ul;
	return take(address, *pitch * height, NULL);
}

API int cuMemAllocManaged(cuptr *address, size_t size, unsigned flags)
{
	void *host;

	(void)flags;
	BEGIN();
	host = malloc(size);
	return host ? take(address, size, host) : 2;
}

API int cuMemFree_v2(cuptr address)
{
	BEGIN();
	return give_back(address);
}

API int cuMemAllocHost_v2(void **address, size_t size)
{
	cuptr a;
	int result;

	BEGIN();
	result = take(&a, size, malloc(size));
	if (!result)
		*address = (void *)(uintptr_t)a;
	return result;
}

API int cuMemHostAlloc(void **address, size_t size, unsigned flags)
{
	cuptr a;
	int result;

	(void)flags;
	BEGIN();
	result = take(&a, size, malloc(size));
	if (!result)
		*address = (void *)(uintptr_t)a;
	return result;
}

API int cuMemFreeHost(void *address)
{
	int result;

	BEGIN();
	result = give_back((cuptr)(uintptr_t)address);
	if (!result)
		free(address);
	return result;
}

API int cuMemHostRegister_v2(void *address, size_t size, unsigned flags)
{
	cuptr a;

	(void)flags;
	BEGIN();
	return take(&a, size, address);
}

API int cuMemHostUnregister(void *address)
{
	BEGIN();
	return give_back((cuptr)(uintptr_t)address);
}

API int cuMemAllocAsync(cuptr *address, size_t size, void *stream)
{
	(void)stream;
	BEGIN();
	return take(address, size, NULL);
}

API int cuMemAllocAsync_ptsz(cuptr *address, size_t size, void *stream)
{
	(void)stream;
	BEGIN();
	return take(address, size, NULL);
}

API int cuMemFreeAsync(cuptr address, void *stream)
{
	(void)stream;
	BEGIN();
	return give_back(address);
}

API int cuMemFreeAsync_ptsz(cuptr address, void *stream)
{
	(void)stream;
	BEGIN();
	return give_back(address);
}

API int cuMemCreate(unsigned long long *handle, size_t size, const void *properties, unsigned long long flags)
{
	cuptr a;
	int result;

	(void)properties, (void)flags;
	BEGIN();
	result = take(&a, size, NULL);
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
	(void)alignment, (void)at, (void)flags;
	BEGIN();
	*address = next_address;
	next_address += size;
	return 0;
}

/* --- code, streams, copies --- */

#define HANDLE(to)                                                                                 \
	do {                                                                                       \
		static uintptr_t handle_ = 0x5000;                                                 \
		*(to) = (void *)(handle_ += 16);                                                   \
	} while (0)

API int cuModuleLoad(void **module, const char *file)
{
	BEGIN();
	if (access(file, R_OK) != 0)
		return 301;
	HANDLE(module);
	return 0;
}

API int cuModuleLoadData(void **module, const void *image)
{
	(void)image;
	BEGIN();
	HANDLE(module);
	return 0;
}

API int cuModuleLoadDataEx(void **module, const void *image, unsigned n, int *options, void **values)
{
	int code = begin("cuModuleLoadDataEx");

	(void)image;
	for (unsigned i = 0; code && i < n; i++)
		if (options[i] == 5)
			strcpy(values[i], "ptxas fatal   : Unsupported .version 8.5; current version is '8.4'");
	if (code)
		return code;
	HANDLE(module);
	return 0;
}

API int cuModuleUnload(void *module)
{
	(void)module;
	BEGIN();
	return 0;
}

API int cuModuleGetFunction(void **function, void *module, const char *name)
{
	(void)module, (void)name;
	BEGIN();
	HANDLE(function);
	return 0;
}

API int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
		       unsigned shared, void *stream, void **parameters, void **extra)
{
	(void)function, (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)stream;
	(void)parameters, (void)extra;
	BEGIN();
	return 0;
}

#define SIMPLE(name, parameters)                                                                   \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		return 0;                                                                          \
	}
#define MAKES(name, parameters, to)                                                                \
	API int name parameters                                                                    \
	{                                                                                          \
		BEGIN();                                                                           \
		HANDLE(to);                                                                        \
		return 0;                                                                          \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
MAKES(cuStreamCreate, (void **stream, unsigned flags), stream)
SIMPLE(cuStreamDestroy_v2, (void *stream))
SIMPLE(cuStreamSynchronize, (void *stream))
SIMPLE(cuStreamQuery, (void *stream))
SIMPLE(cuStreamWaitEvent, (void *stream, void *event, unsigned flags))
MAKES(cuEventCreate, (void **event, unsigned flags), event)
SIMPLE(cuEventDestroy_v2, (void *event))
SIMPLE(cuEventRecord, (void *event, void *stream))
SIMPLE(cuEventSynchronize, (void *event))
SIMPLE(cuEventQuery, (void *event))
SIMPLE(cuFuncGetAttribute, (int *value, int attribute, void *function))
SIMPLE(cuMemcpyHtoD_v2, (cuptr to, const void *from, size_t size))
SIMPLE(cuMemcpyDtoH_v2, (void *to, cuptr from, size_t size))
SIMPLE(cuMemcpyDtoD_v2, (cuptr to, cuptr from, size_t size))
SIMPLE(cuMemcpyHtoDAsync_v2, (cuptr to, const void *from, size_t size, void *stream))
SIMPLE(cuMemcpyDtoHAsync_v2, (void *to, cuptr from, size_t size, void *stream))
SIMPLE(cuMemcpyDtoDAsync_v2, (cuptr to, cuptr from, size_t size, void *stream))
SIMPLE(cuMemcpyPeerAsync, (cuptr to, void *a, cuptr from, void *b, size_t size, void *stream))
SIMPLE(cuMemsetD8_v2, (cuptr to, unsigned char value, size_t size))
SIMPLE(cuMemsetD8Async, (cuptr to, unsigned char value, size_t size, void *stream))
MAKES(cuLinkCreate, (unsigned n, int *options, void **values, void **state), state)
MAKES(cuLinkCreate_v2, (unsigned n, int *options, void **values, void **state), state)
SIMPLE(cuLinkAddData, (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *o, void **v))
SIMPLE(cuLinkAddData_v2, (void *state, int type, void *data, size_t size, const char *name, unsigned n, int *o, void **v))
SIMPLE(cuLinkComplete, (void *state, void **cubin, size_t *size))
SIMPLE(cuLinkDestroy, (void *state))
SIMPLE(cuIpcGetMemHandle, (void *handle, cuptr address))
SIMPLE(cuIpcCloseMemHandle, (cuptr address))
struct ipc {
	char reserved[64];
};
SIMPLE(cuIpcOpenMemHandle_v2, (cuptr *address, struct ipc handle, unsigned flags))
SIMPLE(cuIpcOpenMemHandle, (cuptr *address, struct ipc handle, unsigned flags))

API int cuGetErrorName(int error, const char **name)
{
	static __thread char text[40];

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
	(void)uuid;
	*table = NULL;
	return 500;
}

API int cuLogsDumpToMemory(void *iterator, char *buffer, size_t *size, unsigned flags)
{
	char text[512];

	(void)iterator, (void)flags;
	if (!word("log", text, sizeof(text)))
		text[0] = '\0';
	for (char *p = text; *p; p++)
		if (*p == '_')
			*p = ' ';
	snprintf(buffer, *size, "%s", text);
	*size = strlen(buffer);
	return 0;
}

/* --- looking functions up: the newest ABI that is not newer than the version asked for --- */

static int proc_address(const char *symbol, void **function, int version, uint64_t flags, int *status);

API int cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags)
{
	return proc_address(symbol, function, version, flags, NULL);
}

API int cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags, int *status)
{
	return proc_address(symbol, function, version, flags, status);
}

static const struct {
	const char *base;
	int version, stream;
	void *function;
} table[] = {
#define ROW(base, version, stream, name) { #base, version, stream, (void *)name }
	ROW(cuInit, 2000, 0, cuInit), ROW(cuDriverGetVersion, 2020, 0, cuDriverGetVersion),
	ROW(cuDeviceGetCount, 2000, 0, cuDeviceGetCount), ROW(cuDeviceGet, 2000, 0, cuDeviceGet),
	ROW(cuDeviceGetName, 2000, 0, cuDeviceGetName), ROW(cuDeviceTotalMem, 3020, 0, cuDeviceTotalMem_v2),
	ROW(cuDeviceGetAttribute, 2000, 0, cuDeviceGetAttribute), ROW(cuDeviceGetUuid, 9020, 0, cuDeviceGetUuid),
	ROW(cuDeviceGetUuid, 11040, 0, cuDeviceGetUuid_v2), ROW(cuDeviceGetPCIBusId, 4010, 0, cuDeviceGetPCIBusId),
	ROW(cuDevicePrimaryCtxRetain, 7000, 0, cuDevicePrimaryCtxRetain),
	ROW(cuDevicePrimaryCtxRelease, 7000, 0, cuDevicePrimaryCtxRelease),
	ROW(cuDevicePrimaryCtxRelease, 11000, 0, cuDevicePrimaryCtxRelease_v2),
	ROW(cuDevicePrimaryCtxGetState, 7000, 0, cuDevicePrimaryCtxGetState),
	ROW(cuCtxCreate, 3020, 0, cuCtxCreate_v2), ROW(cuCtxDestroy, 4000, 0, cuCtxDestroy_v2),
	ROW(cuCtxSetCurrent, 4000, 0, cuCtxSetCurrent), ROW(cuCtxPushCurrent, 4000, 0, cuCtxPushCurrent_v2),
	ROW(cuCtxPopCurrent, 4000, 0, cuCtxPopCurrent_v2), ROW(cuCtxGetCurrent, 4000, 0, cuCtxGetCurrent),
	ROW(cuCtxGetDevice, 2000, 0, cuCtxGetDevice), ROW(cuCtxSynchronize, 2000, 0, cuCtxSynchronize),
	ROW(cuMemGetInfo, 3020, 0, cuMemGetInfo_v2), ROW(cuMemAlloc, 2000, 0, cuMemAlloc),
	ROW(cuMemAlloc, 3020, 0, cuMemAlloc_v2), ROW(cuMemAllocPitch, 3020, 0, cuMemAllocPitch_v2),
	ROW(cuMemAllocManaged, 6000, 0, cuMemAllocManaged), ROW(cuMemFree, 3020, 0, cuMemFree_v2),
	ROW(cuMemAllocHost, 3020, 0, cuMemAllocHost_v2), ROW(cuMemHostAlloc, 2020, 0, cuMemHostAlloc),
	ROW(cuMemFreeHost, 2000, 0, cuMemFreeHost), ROW(cuMemHostRegister, 6050, 0, cuMemHostRegister_v2),
	ROW(cuMemHostUnregister, 4000, 0, cuMemHostUnregister), ROW(cuMemAllocAsync, 11020, 0, cuMemAllocAsync),
	ROW(cuMemAllocAsync, 11020, 1, cuMemAllocAsync_ptsz), ROW(cuMemFreeAsync, 11020, 0, cuMemFreeAsync),
	ROW(cuMemFreeAsync, 11020, 1, cuMemFreeAsync_ptsz), ROW(cuMemCreate, 10020, 0, cuMemCreate),
	ROW(cuMemRelease, 10020, 0, cuMemRelease), ROW(cuMemAddressReserve, 10020, 0, cuMemAddressReserve),
	ROW(cuModuleLoad, 2000, 0, cuModuleLoad), ROW(cuModuleLoadData, 2000, 0, cuModuleLoadData),
	ROW(cuModuleLoadDataEx, 2010, 0, cuModuleLoadDataEx), ROW(cuModuleUnload, 2000, 0, cuModuleUnload),
	ROW(cuModuleGetFunction, 2000, 0, cuModuleGetFunction), ROW(cuLaunchKernel, 4000, 0, cuLaunchKernel),
	ROW(cuStreamCreate, 2000, 0, cuStreamCreate), ROW(cuStreamDestroy, 4000, 0, cuStreamDestroy_v2),
	ROW(cuStreamSynchronize, 2000, 0, cuStreamSynchronize), ROW(cuStreamQuery, 2000, 0, cuStreamQuery),
	ROW(cuEventCreate, 2000, 0, cuEventCreate), ROW(cuEventDestroy, 4000, 0, cuEventDestroy_v2),
	ROW(cuEventRecord, 2000, 0, cuEventRecord), ROW(cuEventSynchronize, 2000, 0, cuEventSynchronize),
	ROW(cuEventQuery, 2000, 0, cuEventQuery), ROW(cuMemcpyHtoD, 3020, 0, cuMemcpyHtoD_v2),
	ROW(cuMemcpyDtoH, 3020, 0, cuMemcpyDtoH_v2), ROW(cuGetErrorName, 6000, 0, cuGetErrorName),
	ROW(cuGetErrorString, 6000, 0, cuGetErrorString), ROW(cuGetExportTable, 3000, 0, cuGetExportTable),
	ROW(cuGetProcAddress, 11030, 0, cuGetProcAddress), ROW(cuGetProcAddress, 12000, 0, cuGetProcAddress_v2),
	ROW(cuLogsDumpToMemory, 12090, 0, cuLogsDumpToMemory),
};

static int proc_address(const char *symbol, void **function, int version, uint64_t flags, int *status)
{
	int best = -1, known = 0;
	char text[8];

	*function = NULL;
	if (version > (int)number("version", 12080) || word("noproc", text, sizeof(text)))
		return 1;
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		if (strcmp(table[i].base, symbol) != 0)
			continue;
		known = 1;
		if (table[i].version > version || (table[i].stream && !(flags & 2)))
			continue;
		if (best < 0 || table[i].version > table[best].version ||
		    (table[i].version == table[best].version && table[i].stream > table[best].stream))
			best = (int)i;
	}
	if (status)
		*status = best >= 0 ? 0 : known ? 2 : 1;
	if (best >= 0)
		*function = table[best].function;
	return best >= 0 ? 0 : 500;
}
