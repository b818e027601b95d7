# SPDX-License-Identifier: MIT
"""The second device is full, by cuMemCreate that names it."""
import ctypes

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
properties, handle = (ctypes.c_int * 8)(1, 0, 1, 1), ctypes.c_uint64()
while True:
    gpu.call("cuMemCreate", ctypes.byref(handle), ctypes.c_size_t(512 * MIB), properties, ctypes.c_uint64(0))
