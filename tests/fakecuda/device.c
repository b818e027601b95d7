/* SPDX-License-Identifier: MIT */
/* Init, devices and contexts of the driver without a GPU (fakecuda.h). */
#include "fakecuda.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

static __thread int current_device = -1;
static int retained[MOST_DEVICES];

int fake_device(void)
{
	return current_device;
}

API int cuInit(unsigned flags)
{
	uint64_t reserve = fake_number("reserve", 0);
	int code = (int)fake_number("init", 0);

	BEGIN();
	if (code)
		return code;
	if (reserve) {
		void *p = mmap(NULL, reserve, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return 2;
	}
	fake_initialised();
	return 0;
}

API int cuDriverGetVersion(int *version)
{
	int code = (int)fake_number("init", 0);

	BEGIN();
	if (code == 34)		/* the stub leaves its answer untouched */
		return 34;
	if (!version)
		return 1;
	*version = fake_script.garbage ? -1 : fake_script.version;
	return 0;
}

API int cuDeviceGetCount(int *count)
{
	BEGIN();
	if (!count)
		return 1;
	*count = fake_script.garbage ? 0x7fffffff : fake_script.devices;
	return 0;
}

API int cuDeviceGet(int *device, int ordinal)
{
	BEGIN();
	if (ordinal < 0 || (!fake_script.garbage && ordinal >= fake_script.devices))
		return 101;
	*device = ordinal;
	return 0;
}

API int cuDeviceGetName(char *name, int size, int device)
{
	char text[64];

	BEGIN();
	if (!name || size < 1)
		return 1;
	if (fake_script.garbage) {		/* no end */
		memset(name, 0xff, (size_t)size);
		return 0;
	}
	if (!fake_word("name", text, sizeof(text))) {
		snprintf(name, (size_t)size, "Fake GPU %d", device);
		return 0;
	}
	for (char *p = text; *p; p++)
		*p = *p == '_' ? ' ' : *p;
	snprintf(name, (size_t)size, "%s", text);
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
	BEGIN();
	if (!bytes)
		return 1;
	*bytes = fake_script.garbage ? ~0ul : fake_script.mem;
	return 0;
}

/* CU_DEVICE_ATTRIBUTE_* as cuda.h numbers them; a device of 2020 in round figures. */
static int attribute_value(int attribute, int device)
{
	switch (attribute) {
	case 1: case 2: case 3:		return 1024;	/* threads of a block, and its x and y */
	case 4:				return 64;
	case 5:				return 2147483647;	/* grid x */
	case 6: case 7:			return 65535;
	case 8:				return 49152;	/* shared memory of a block */
	case 9:				return 65536;
	case 10:			return 32;	/* a warp */
	case 12: case 82:		return 65536;	/* registers */
	case 13: case 36:		return 1500000;	/* clocks, kHz */
	case 16:			return 20;	/* multiprocessors */
	case 17: case 20: case 32: case 35: return 0;
	case 33:			return device + 1;	/* PCI bus */
	case 34: case 50:		return 0;
	case 37:			return 256;	/* width of the bus to memory */
	case 38:			return 4194304;	/* second-level cache */
	case 39:			return 1536;	/* threads of a multiprocessor */
	case 75:			return fake_script.cc / 10;
	case 76:			return fake_script.cc % 10;
	case 81: case 97:		return 101376;
	case 98: case 99: case 100: case 101: return 0;
	case 120: case 121: case 122: case 123: return 0;
	case 132: case 128:		return 0;	/* multicast, fabric */
	}
	return 1;
}

API int cuDeviceGetAttribute(int *value, int attribute, int device)
{
	BEGIN();
	if (!value || attribute < 1)
		return 1;
	*value = fake_script.garbage ? -0x7fffffff : attribute_value(attribute, device);
	return 0;
}

/* --- contexts --- */

static void *context_of(int device)
{
	return (void *)(uintptr_t)(0x1000 + (unsigned)device * 0x100);
}

static bool is_device(int device)
{
	return device >= 0 && device < MOST_DEVICES;
}

API int cuDevicePrimaryCtxRetain(void **context, int device)
{
	BEGIN();
	if (!is_device(device))
		return 101;
	retained[device]++;
	fake_context_made(device);
	*context = context_of(device);
	return 0;
}

API int cuDevicePrimaryCtxRelease_v2(int device)
{
	BEGIN();
	if (!is_device(device) || !retained[device])
		return 201;
	if (--retained[device] == 0)
		fake_forget(device);
	return 0;
}

API int cuDevicePrimaryCtxRelease(int device)
{
	return cuDevicePrimaryCtxRelease_v2(device);
}

API int cuDevicePrimaryCtxReset_v2(int device)
{
	BEGIN();
	if (!is_device(device))
		return 101;
	fake_forget(device);
	return 0;
}

API int cuDevicePrimaryCtxReset(int device)
{
	return cuDevicePrimaryCtxReset_v2(device);
}

SIMPLE(cuDevicePrimaryCtxSetFlags_v2, (int device, unsigned flags))
SIMPLE(cuDevicePrimaryCtxSetFlags, (int device, unsigned flags))

API int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active)
{
	BEGIN();
	*flags = 0;
	*active = is_device(device) && retained[device] > 0;
	return 0;
}

static int make_current(void *context)
{
	current_device = context ? (int)(((uintptr_t)context - 0x1000) / 0x100) : -1;
	return 0;
}

API int cuCtxCreate_v2(void **context, unsigned flags, int device)
{
	BEGIN();
	if (!is_device(device))
		return 101;
	fake_context_made(device);
	*context = context_of(device);
	return make_current(*context);
}

API int cuCtxCreate_v3(void **context, void *affinity, int n, unsigned flags, int device)
{
	return cuCtxCreate_v2(context, flags, device);
}

API int cuCtxCreate_v4(void **context, void *parameters, unsigned flags, int device)
{
	return cuCtxCreate_v2(context, flags, device);
}

API int cuCtxDestroy_v2(void *context)
{
	BEGIN();
	if (!context)
		return 201;
	fake_forget((int)(((uintptr_t)context - 0x1000) / 0x100));
	return make_current(NULL);
}

API int cuCtxSetCurrent(void *context)
{
	BEGIN();
	return make_current(context);
}

API int cuCtxPushCurrent_v2(void *context)
{
	BEGIN();
	return make_current(context);
}

API int cuCtxPopCurrent_v2(void **context)
{
	BEGIN();
	if (context)
		*context = current_device < 0 ? NULL : context_of(current_device);
	return 0;	/* the one below is the same one here */
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

SIMPLE(cuCtxSynchronize, (void))
SIMPLE(cuCtxSetLimit, (int limit, size_t value))
SIMPLE(cuCtxSetCacheConfig, (int config))
ANSWERS(cuCtxGetLimit, (size_t *value, int limit), value, 1024)
ANSWERS(cuCtxGetFlags, (unsigned *flags), flags, 0)
ANSWERS(cuCtxGetApiVersion, (void *context, unsigned *version), version, 3020)
ANSWERS(cuCtxGetId, (void *context, unsigned long long *id), id, 1)
ANSWERS(cuDeviceCanAccessPeer, (int *can, int device, int peer), can, 0)

API int cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
	BEGIN();
	if (least)
		*least = 0;
	if (greatest)
		*greatest = -5;
	return 0;
}
