# SPDX-License-Identifier: MIT
"""A limit on the address space that the driver never met, and a device that is really full."""
import resource

import lib_gpu
from lib_gpu_pools import *

resource.setrlimit(resource.RLIMIT_AS, (64 * GIB, 64 * GIB))
torch = Torch(lib_gpu.Driver().start())
kept = [torch.empty(300 * MIB) for _ in range(100)]
