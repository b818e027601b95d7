# SPDX-License-Identifier: MIT
"""CuPy asks three times for the same multiple of 512."""
import lib_gpu
from lib_gpu_pools import *

pool = CuPy(lib_gpu.Driver().start())
pool.gpu.info()
kept = [pool.alloc(100000000) for _ in range(100)]
