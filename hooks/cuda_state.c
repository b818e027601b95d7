/* SPDX-License-Identifier: MIT */
/*
 * What is known of the GPU: totals in the trace, devices and versions as the program itself asked
 * for them, and failures.
 *
 * Errors of CUDA are sticky: the first that is not benign is kept apart, later ones of the same
 * call are thinned out. Two driver calls are made that the program did not make, both after a
 * failure only, guarded against recursion: the log in plain text (12.9 and later), and the free
 * memory after a failed request (cuda_memory.c).
 */
#include "hooks/cuda.h"

#include "shim/safe.h"

static struct ks_gpu dummy;		/* where there is no trace */
static struct ks_gpu *totals;
static uint32_t totals_of;		/* generation */
static uint32_t init_pid;		/* survives a fork, on purpose */
static unsigned driver_told;		/* 1: its path, 2: and its version */
static struct {			/* of the first devices, told by the program's own questions */
	char name[96];
	uint64_t total;
	int major, minor;
	bool said;
} devices[16];
static int device_count = -1;
static struct {
	uint16_t function, result;
	uint32_t count;
} failures[256];
KS_TLS bool asking;			/* inside a driver call of our own */

static void told_nothing(void)
{
	driver_told = 0;
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		devices[i].said = false;
	memset(failures, 0, sizeof(failures));
}

struct ks_gpu *ks_gpu(void)
{
	struct ks_gpu *gpu = __atomic_load_n(&totals, __ATOMIC_ACQUIRE);

	if (KS_UNLIKELY(!ks.on))
		return &dummy;
	if (KS_LIKELY(gpu && totals_of == ks.generation))
		return gpu;
	gpu = ks_grow(KS_REGION_STATE, sizeof(struct ks_gpu), 1, KS_STATE_GPU);
	if (!gpu)
		return &dummy;
	gpu->init_pid = init_pid;
	if (totals_of != ks.generation)
		told_nothing();		/* a forked child's trace is a new one */
	totals_of = ks.generation;
	__atomic_store_n(&totals, gpu, __ATOMIC_RELEASE);
	return gpu;
}

static void enter(unsigned function)
{
	KS_EMIT(cuda_enter, .function = ks_text(ks_cuda_table[function].symbol));
}

/* --- init, versions, devices --- */

/* The name behind all symbolic links: the driver's version is in it (libcuda.so.550.54.14). */
static void real_name(const char *path, char *to, size_t size)
{
	int fd = ks_sys_open(path, O_PATH, 0);
	char link[40], *p = link;
	long n = -1;

	if (fd >= 0) {
		p = ks_put(p, link + sizeof(link), "/proc/self/fd/");
		p = ks_put_dec(p, link + sizeof(link), (uint64_t)fd, 1);
		n = ks_sys(SYS_readlinkat, AT_FDCWD, link, to, size - 1);
		ks_sys_close(fd);
	}
	if (n > 0)
		to[n] = '\0';
	else
		ks_put(to, to + size, path);
}

static void driver_event(int version)
{
	const char *path = ks_cuda_library();
	char line[256] = "", real_path[512] = "";
	struct stat st = { 0 };

	if (!path || __atomic_exchange_n(&driver_told, 1 + (version != 0), __ATOMIC_RELAXED) > (unsigned)(version != 0))
		return;
	ks_sys_stat(path, &st, 0);
	if (ks_read_file("/proc/driver/nvidia/version", line, sizeof(line)) > 0)
		line[strcspn(line, "\n")] = '\0';
	real_name(path, real_path, sizeof(real_path));
	KS_EMIT(cuda_driver, .path = ks_text(path), .version = (uint64_t)version, .size = (uint64_t)st.st_size,
		.kernel = line[0] ? ks_text(line) : 0, .real_path = ks_text(real_path));
}

void ks_cuda_another_driver(void)
{
	driver_told = 0;
	driver_event(0);
}

int ks_w_cuInit(unsigned flags)
{
	struct ks_gpu *gpu = ks_gpu();
	uint64_t begun = ks_clock();
	int result, error;

	driver_event(0);
	enter(CU_cuInit);
	result = CUREAL(cuInit, (unsigned))(flags);
	error = errno;
	if (!result && ks.on)
		init_pid = (uint32_t)ks.pid;
	gpu->init_result = result;
	gpu->init_pid = init_pid;
	KS_EMIT(cuda_init, .result = result, .driver_version = gpu->driver_version, .duration = ks_clock() - begun,
		.stack = ks_callers(), .library = ks_text(ks_cuda_library()));
	KS_EMIT(cuda_leave, .function = ks_text("cuInit"), .result = result, .duration = ks_clock() - begun);
	if (result)
		ks_cuda_fail(CU_cuInit, result, NULL);
	errno = error;
	return result;
}

int ks_w_cuDriverGetVersion(int *version)
{
	int result = CUREAL(cuDriverGetVersion, (int *))(version);
	int error = errno;

	if (result) {
		ks_cuda_fail(CU_cuDriverGetVersion, result, NULL);
	} else if (version && ks_gpu()->driver_version != (uint32_t)*version) {
		ks_gpu()->driver_version = (uint32_t)*version;
		driver_event(*version);
		KS_EMIT(cuda_version, .function = ks_text("cuDriverGetVersion"), .version = (uint64_t)*version,
			.caller = KS_CALLER());
	}
	errno = error;
	return result;
}

/* One event for a device when its name and size are known; -1: the count alone. */
static void tell_device(int i)
{
	if (i < 0) {
		KS_EMIT(cuda_device, .device = -1, .count = device_count);
		return;
	}
	if (devices[i].said || !devices[i].name[0] || !devices[i].total || !ks.on)
		return;
	devices[i].said = true;
	KS_EMIT(cuda_device, .device = i, .name = ks_text(devices[i].name), .total = devices[i].total,
		.major = (uint64_t)devices[i].major, .minor = (uint64_t)devices[i].minor, .count = device_count);
}

int ks_cuda_only_device(void)
{
	return device_count == 1 ? 0 : -1;
}

static bool known_device(ks_cudev device)
{
	return device >= 0 && device < (int)(sizeof(devices) / sizeof(*devices));
}

int ks_w_cuDeviceGetCount(int *count)
{
	int result = CUREAL(cuDeviceGetCount, (int *))(count);
	int error = errno;

	if (result) {
		ks_cuda_fail(CU_cuDeviceGetCount, result, NULL);
	} else if (count && *count != device_count) {
		device_count = *count;
		tell_device(-1);
	}
	errno = error;
	return result;
}

int ks_w_cuDeviceGetName(char *name, int size, ks_cudev device)
{
	int result = CUREAL(cuDeviceGetName, (char *, int, ks_cudev))(name, size, device);
	int error = errno;

	if (result)
		ks_cuda_fail(CU_cuDeviceGetName, result, NULL);
	else if (name && size > 0 && known_device(device)) {
		size_t n = strnlen(name, (size_t)size);

		if (n >= sizeof(devices[0].name))
			n = sizeof(devices[0].name) - 1;
		memcpy(devices[device].name, name, n);
		devices[device].name[n] = '\0';
		tell_device(device);
	}
	errno = error;
	return result;
}

int ks_w_cuDeviceTotalMem_v2(size_t *bytes, ks_cudev device)
{
	int result = CUREAL(cuDeviceTotalMem_v2, (size_t *, ks_cudev))(bytes, device);
	int error = errno;

	if (result)
		ks_cuda_fail(CU_cuDeviceTotalMem_v2, result, NULL);
	else if (bytes && known_device(device)) {
		devices[device].total = *bytes;
		tell_device(device);
	}
	errno = error;
	return result;
}

/* Attributes 75 and 76 are the compute capability (cuda.h, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*). */
int ks_w_cuDeviceGetAttribute(int *value, int attribute, ks_cudev device)
{
	int result = CUREAL(cuDeviceGetAttribute, (int *, int, ks_cudev))(value, attribute, device);
	int error = errno;

	if (result)
		ks_cuda_fail(CU_cuDeviceGetAttribute, result, NULL);
	else if (value && known_device(device)) {
		if (attribute == 75)
			devices[device].major = *value;
		else if (attribute == 76)
			devices[device].minor = *value;
	}
	errno = error;
	return result;
}

/* --- failures --- */

/* Not an error, or none that says anything: queries and probes, peers, double registration, the end. */
bool ks_cuda_benign(unsigned function, int result)
{
	switch (result) {
	case 600:	/* NOT_READY */
	case 4:		/* DEINITIALIZED: calls from exit handlers */
	case 704:	/* PEER_ACCESS_ALREADY_ENABLED */
	case 705:
	case 708:	/* PRIMARY_CONTEXT_ACTIVE */
	case 712:	/* HOST_MEMORY_ALREADY_REGISTERED */
	case 713:
		return true;
	case 1:		/* INVALID_VALUE, NOT_FOUND, NOT_SUPPORTED, …NEWER_DRIVER: probing */
	case 500:
	case 801:
	case 36:
		return function != CU_cuInit;
	case 2:		/* OUT_OF_MEMORY of a request may be a back-off: the next ones tell */
		return ks_cuda_is_request(function);
	}
	return false;
}

static uint32_t count_failure(unsigned function, int result)
{
	unsigned at = (function * 31 + (unsigned)result) % 256;

	for (unsigned i = 0; i < 8; i++, at = (at + 1) % 256) {
		if (!failures[at].count) {
			failures[at].function = (uint16_t)function;
			failures[at].result = (uint16_t)result;
		}
		if (failures[at].function == function && failures[at].result == (uint16_t)result)
			return __atomic_add_fetch(&failures[at].count, 1, __ATOMIC_RELAXED);
	}
	return 1;
}

void ks_cuda_fail(unsigned function, int result, const char *detail)
{
	struct ks_gpu *gpu = ks_gpu();
	bool benign = ks_cuda_benign(function, result), first = false;
	uint32_t count;

	if (!ks.chosen || asking)
		return;
	ks_cuda_count(&gpu->failures, 1);
	if (!benign && !gpu->first_error) {
		first = true;
		gpu->first_error = result;
		gpu->first_error_time = ks_clock();
		gpu->first_error_function = ks_text(ks_cuda_table[function].symbol);
	}
	count = count_failure(function, result);
	if (count > 64 && (count & (count - 1)) && !first)
		return;
	if (result == 600)
		return;
	KS_EMIT(cuda_failed, .function = ks_text(ks_cuda_table[function].symbol), .result = result, .first = first,
		.launches = gpu->launches_since_sync, .context = (uintptr_t)ks_cuda_context(), .device = ks_cuda_device(),
		.count = count, .stack = count <= 16 || first ? ks_callers() : 0, .init_pid = init_pid,
		.detail = ks_text(detail));
	if (!benign && count == 1)
		ks_cuda_first_words();
}

/* cuLogsDumpToMemory(NULL, buffer, &size, 0) gives all that the driver's log holds; cuda.h 12.9. */
void ks_cuda_first_words(void)
{
	static int (*dump)(void *, char *, size_t *, unsigned);
	static unsigned times;
	static char buffer[25600];
	static unsigned taken;
	size_t size = sizeof(buffer);

	if (asking || ks.sealed || ks_gpu()->driver_version < 12090 || !ks_cuda_real[CU_cuGetProcAddress_v2] || !ks.on ||
	    __atomic_fetch_add(&times, 1, __ATOMIC_RELAXED) >= 3)
		return;
	asking = true;
	if (!dump) {
		int status = 1;
		void *found = NULL;

		if (CUREAL(cuGetProcAddress_v2, (const char *, void **, int, uint64_t, int *))(
			    "cuLogsDumpToMemory", &found, 12090, 0, &status) == 0)
			dump = (int (*)(void *, char *, size_t *, unsigned))found;
	}
	if (dump && !__atomic_exchange_n(&taken, 1, __ATOMIC_ACQUIRE)) {
		if (dump(NULL, buffer, &size, 0) == 0 && size > 1 && size <= sizeof(buffer))
			KS_EMIT(cuda_log, .text = ks_text_n(buffer, size));
		__atomic_store_n(&taken, 0, __ATOMIC_RELEASE);
	}
	asking = false;
}

/* --- what the program asked about an error --- */

#define ERROR_TEXT(symbol)                                                                         \
	int ks_w_##symbol(int code, const char **text)                                             \
	{                                                                                          \
		int result = CUREAL(symbol, (int, const char **))(code, text);                     \
		int error = errno;                                                                 \
		if (code)                                                                          \
			asked_about(CU_##symbol, code);                                            \
		errno = error;                                                                     \
		return result;                                                                     \
	}

static void asked_about(unsigned function, int code)
{
	static int last;

	if (__atomic_exchange_n(&last, code, __ATOMIC_RELAXED) != code)
		KS_EMIT(cuda_error_text, .function = ks_text(ks_cuda_table[function].symbol), .code = code,
			.stack = ks_callers());
}
ERROR_TEXT(cuGetErrorName)
ERROR_TEXT(cuGetErrorString)
