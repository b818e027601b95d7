# SPDX-License-Identifier: MIT
"""Others hold three quarters: JAX backs off to what is left, and that is soon used up."""
import lib_gpu
from lib_gpu_pools import *

pool = jax(lib_gpu.Driver().start())
for _ in range(1000):
    pool.tensor(256 * MIB, jax_error(256 * MIB))
