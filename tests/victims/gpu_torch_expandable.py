# SPDX-License-Identifier: MIT
"""Expandable segments: physical memory by cuMemCreate, until none is left."""
import lib_gpu
from lib_gpu_pools import *

torch = Torch(lib_gpu.Driver().start(), expandable=True)
kept = [torch.empty(300 * MIB) for _ in range(100)]
