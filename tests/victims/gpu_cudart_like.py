# SPDX-License-Identifier: MIT
"""Asks as the CUDA runtime does, by cuGetProcAddress_v2, with an empty name first; then runs out of memory."""
import ctypes
import lib_gpu

gpu = lib_gpu.Driver()
ask = gpu.lib.cuGetProcAddress_v2


def function(name, version, flags=0):
    pointer, status = ctypes.c_void_p(), ctypes.c_int()
    code = ask(name.encode(), ctypes.byref(pointer), version, ctypes.c_uint64(flags), ctypes.byref(status))
    return None if code or not pointer.value else ctypes.CFUNCTYPE(ctypes.c_int)(pointer.value)


assert function("", 0) is None
assert function("cuNoSuchThing", 12000) is None
assert function("cuMemAllocAsync", 11020, 2) is not None
context, address = ctypes.c_void_p(), ctypes.c_uint64()
assert function("cuInit", 2000)(0) == 0
assert function("cuDevicePrimaryCtxRetain", 7000)(ctypes.byref(context), 0) == 0
assert function("cuCtxSetCurrent", 4000)(context) == 0
alloc = function("cuMemAlloc", 11040)
for i in range(100):
    code = alloc(ctypes.byref(address), ctypes.c_size_t(300 << 20))
    if code:
        raise lib_gpu.CudaError(f"cudaErrorMemoryAllocation: CUDA out of memory ({code})")
