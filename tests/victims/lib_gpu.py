# SPDX-License-Identifier: MIT
"""
The driver API as small clients use it, on the driver without a GPU (lib_fakecuda.c): every call is
checked, and a failure is an exception that names CUDA, as frameworks do.
"""
import ctypes
import os


class CudaError(RuntimeError):
    pass


class Driver:
    def __init__(self, name=None):
        self.lib = ctypes.CDLL(name or os.path.join(os.environ["VICTIMS"], "libfakecuda.so"))

    def raw(self, function, *arguments):
        return getattr(self.lib, function)(*arguments)

    def call(self, function, *arguments):
        code = self.raw(function, *arguments)
        if code:
            raise CudaError(f"CUDA error {code} in {function}: {'CUDA_ERROR_OUT_OF_MEMORY' if code == 2 else 'see cuda.h'}")

    def start(self):
        """cuInit, device 0 and its primary context."""
        version, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuInit", 0)
        self.call("cuDriverGetVersion", ctypes.byref(version))
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        self.call("cuCtxSetCurrent", context)
        return self

    def info(self):
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value, total.value

    def alloc_code(self, size):
        address = ctypes.c_uint64()
        return self.raw("cuMemAlloc_v2", ctypes.byref(address), ctypes.c_size_t(size)), address.value

    def alloc(self, size):
        code, address = self.alloc_code(size)
        if code:
            raise CudaError(f"CUDA error {code} in cuMemAlloc_v2 of {size} bytes: CUDA_ERROR_OUT_OF_MEMORY")
        return address

    def name(self):
        text, size = ctypes.create_string_buffer(96), ctypes.c_size_t()
        self.call("cuDeviceGetName", text, 96, 0)
        self.call("cuDeviceTotalMem_v2", ctypes.byref(size), 0)
        return text.value.decode()

    def free(self, address):
        self.call("cuMemFree_v2", ctypes.c_uint64(address))

    def launch(self):
        self.call("cuLaunchKernel", *([None] * 11))
