# SPDX-License-Identifier: MIT
"""Small tensors keep many segments in use; what is free lies in pieces inside them."""
import lib_gpu
from lib_gpu_pools import *

torch = Torch(lib_gpu.Driver().start())
big = [torch.empty(500 * MIB) for _ in range(7)]
for t in big:                       # a small tensor stays in each: the segments can be used by nothing larger, and not be freed
    torch.allocated -= 480 * MIB
torch.empty(600 * MIB)
