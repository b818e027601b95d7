# SPDX-License-Identifier: MIT
"""TensorFlow took nearly all in advance; its own pool refuses, and the driver is not asked."""
import lib_gpu
from lib_gpu_pools import *

pool = tensorflow(lib_gpu.Driver().start())
for _ in range(1000):
    pool.tensor(100 * MIB, tensorflow_error(100 * MIB))
