# SPDX-License-Identifier: MIT
"""A label out of range: the kernel asserts, and each later call says 710."""
import ctypes

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
for i in range(3):
    gpu.raw("cuLaunchKernel", *([None] * 11))
gpu.raw("cuMemFree_v2", ctypes.c_uint64(gpu.raw("cuCtxSynchronize")))
gpu.call("cuStreamSynchronize", None)
