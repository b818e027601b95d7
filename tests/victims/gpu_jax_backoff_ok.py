# SPDX-License-Identifier: MIT
"""As before, and what is left is enough."""
import lib_gpu
from lib_gpu_pools import *

pool = jax(lib_gpu.Driver().start())
pool.tensor(256 * MIB, jax_error(256 * MIB))
print("worked in", pool.pool < 8 * GIB)
