# SPDX-License-Identifier: MIT
"""The fifth launch touches memory that is not its own; every call after it says so."""
import ctypes
import lib_gpu

gpu = lib_gpu.Driver().start()
data = gpu.alloc(1 << 20)
for i in range(5):
    gpu.raw("cuLaunchKernel", *([None] * 11))
gpu.raw("cuMemFree_v2", ctypes.c_uint64(data))
gpu.call("cuCtxSynchronize")
