/* SPDX-License-Identifier: MIT */
/*
 * A libnvidia-ml.so.1 to go with the driver without a GPU: XLA begins with it (TensorFlow and JAX since 2025), and goes on
 * without most of its answers. Codes: nvml.h (0 success, 3 not supported, 12 library not found).
 */
#define API __attribute__((visibility("default")))

API int nvmlInit_v2(void)
{
	return 0;
}

API int nvmlInitWithFlags(unsigned flags)
{
	(void)flags;
	return 0;
}

API int nvmlShutdown(void)
{
	return 0;
}

API const char *nvmlErrorString(int code)
{
	return code ? "not supported by the driver without a GPU" : "success";
}

API int nvmlSystemGetDriverVersion(char *version, unsigned size)
{
	static const char is[] = "580.65.06";

	for (unsigned i = 0; i < size && i < sizeof(is); i++)
		version[i] = is[i];
	return 0;
}

API int nvmlSystemGetCudaDriverVersion(int *version)
{
	*version = 12080;
	return 0;
}

API int nvmlDeviceGetCount_v2(unsigned *count)
{
	*count = 1;
	return 0;
}

static int device;

API int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **to)
{
	*to = &device;
	return i ? 2 : 0;
}

API int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **to)
{
	(void)id;
	*to = &device;
	return 0;
}

#define NOT(name)	API int name(void) { return 3; }
NOT(nvmlDeviceGetMemoryInfo)
NOT(nvmlDeviceGetMemoryInfo_v2)
NOT(nvmlDeviceGetNvLinkCapability)
NOT(nvmlDeviceGetNvLinkState)
NOT(nvmlDeviceGetGpuFabricInfoV)
NOT(nvmlDeviceGetGpuFabricInfo)
NOT(nvmlDeviceGetComputeRunningProcesses_v3)
NOT(nvmlDeviceGetPciInfo_v3)
NOT(nvmlDeviceGetMaxPcieLinkWidth)
NOT(nvmlDeviceGetMaxPcieLinkGeneration)
NOT(nvmlDeviceGetFieldValues)
