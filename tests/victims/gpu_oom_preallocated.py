# SPDX-License-Identifier: MIT
"""A framework has taken three quarters of the device in advance; a second one asks for more."""
import lib_gpu

gpu = lib_gpu.Driver().start()
free, total = gpu.info()
pool = gpu.alloc(int(total * 0.75))
for i in range(20):
    gpu.alloc(256 << 20)
