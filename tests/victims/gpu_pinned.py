# SPDX-License-Identifier: MIT
"""Data loaders pin memory of the host until none can be pinned."""
import ctypes

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
kept = []
for _ in range(100):
    p = ctypes.c_void_p()
    gpu.call("cuMemHostAlloc", ctypes.byref(p), ctypes.c_size_t(64 * MIB), 0)
    kept.append(p)
