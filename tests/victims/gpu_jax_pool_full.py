# SPDX-License-Identifier: MIT
"""JAX took three quarters of the device in advance, and used them up."""
import lib_gpu
from lib_gpu_pools import *

pool = jax(lib_gpu.Driver().start())
for _ in range(1000):
    pool.tensor(256 * MIB, jax_error(256 * MIB))
