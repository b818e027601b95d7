# SPDX-License-Identifier: MIT
"""The driver's own pool, as RMM and cudaMallocAsync use it."""
import ctypes

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
gpu.info()
pool = ctypes.c_void_p()
gpu.call("cuMemPoolCreate", ctypes.byref(pool), None)
kept = [async_alloc(gpu, 128 * MIB, pool if i % 2 else None) for i in range(100)]
