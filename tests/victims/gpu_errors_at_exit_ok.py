# SPDX-License-Identifier: MIT
"""Calls from exit handlers find the driver shutting down: nobody dies of it."""
import atexit
import ctypes

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
block = gpu.alloc(MIB)
atexit.register(lambda: gpu.raw("cuMemFree_v2", ctypes.c_uint64(block)))
