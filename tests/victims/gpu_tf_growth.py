# SPDX-License-Identifier: MIT
"""TensorFlow grows its pool by doubling; at the end 0.9 of each refused request is tried, in vain."""
import lib_gpu
from lib_gpu_pools import *

pool = tensorflow(lib_gpu.Driver().start(), grows=True)
for _ in range(1000):
    pool.tensor(100 * MIB, tensorflow_error(100 * MIB))
