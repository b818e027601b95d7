# SPDX-License-Identifier: MIT
"""2 GiB are free, the driver has no piece of 1 GiB."""
import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
gpu.info()
kept = [gpu.alloc(512 * MIB) for _ in range(4)]
gpu.alloc(GIB)
