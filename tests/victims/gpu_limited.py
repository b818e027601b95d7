# SPDX-License-Identifier: MIT
"""A slice of 10 GiB of a device of 80 GiB."""
import lib_gpu
from lib_gpu_pools import *

torch = Torch(lib_gpu.Driver().start())
torch.gpu.name()
kept = [torch.empty(900 * MIB) for _ in range(100)]
