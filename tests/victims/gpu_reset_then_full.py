# SPDX-License-Identifier: MIT
"""A reset gives everything back: what is held afterwards is what was asked for since."""
import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
gpu.info()
first = [gpu.alloc(512 * MIB) for _ in range(3)]
gpu.call("cuDevicePrimaryCtxReset_v2", 0)
kept = [gpu.alloc(300 * MIB) for _ in range(100)]
