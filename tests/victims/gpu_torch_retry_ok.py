# SPDX-License-Identifier: MIT
"""PyTorch under pressure: a request is refused, the cache is freed, the same request is granted. Nothing died."""
import lib_gpu
from lib_gpu_pools import *

torch = Torch(lib_gpu.Driver().start())
for size in (900, 1200, 1500, 1900, 2500):
    tensors = [torch.empty(size * MIB)]
    for t in tensors:
        torch.delete(t)
print("worked", torch.reserved // MIB)
