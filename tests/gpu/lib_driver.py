# SPDX-License-Identifier: MIT
"""The driver API by ctypes, on a real driver or on the one without a GPU: what the programs beside it need of it."""
import ctypes
import sys

PTX = b"""
.version 6.0
.target sm_50
.address_size 64
.visible .entry good() { ret; }
.visible .entry bad()
{
	.reg .b64 %a;
	.reg .b32 %v;
	mov.u64 %a, 16;
	mov.u32 %v, 1;
	st.global.u32 [%a], %v;
	ret;
}
"""


class CudaError(RuntimeError):
    pass


class Driver:
    def __init__(self):
        try:
            self.lib = ctypes.CDLL("libcuda.so.1")
        except OSError as e:
            sys.exit(f"no driver: {e}")

    def raw(self, function, *arguments):
        return getattr(self.lib, function)(*arguments)

    def call(self, function, *arguments):
        code = self.raw(function, *arguments)
        if code:
            raise CudaError(f"CUDA error {code} in {function}: " + ("CUDA_ERROR_OUT_OF_MEMORY" if code == 2 else "see cuda.h"))

    def start(self):
        version, context, count = ctypes.c_int(), ctypes.c_void_p(), ctypes.c_int()
        self.call("cuInit", 0)
        self.call("cuDriverGetVersion", ctypes.byref(version))
        self.call("cuDeviceGetCount", ctypes.byref(count))
        self.call("cuDeviceGetName", ctypes.create_string_buffer(96), 96, 0)
        self.call("cuDeviceTotalMem_v2", ctypes.byref(ctypes.c_size_t()), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self.call("cuCtxSetCurrent", context)
        return self

    def info(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def alloc(self, size):
        address = ctypes.c_uint64()
        code = self.raw("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size))
        return code, address.value

    def function(self, name):
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(module), PTX)
        self.call("cuModuleGetFunction", ctypes.byref(function), module, name)
        return function

    def launch(self, function):
        self.call("cuLaunchKernel", function, 1, 1, 1, 1, 1, 1, 0, None, None, None)
