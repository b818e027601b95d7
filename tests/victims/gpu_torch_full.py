# SPDX-License-Identifier: MIT
"""PyTorch keeps tensors until the device is full: asked, cache freed, asked again, then the exception."""
import lib_gpu
from lib_gpu_pools import *

torch = Torch(lib_gpu.Driver().start())
kept = [torch.empty(300 * MIB) for _ in range(100)]
