# SPDX-License-Identifier: MIT
"""Allocates, copies, launches, frees and ends well: nothing is kept."""
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.info()
for i in range(1000):
    block = gpu.alloc(1 << 20)
    gpu.launch()
    gpu.call("cuCtxSynchronize")
    gpu.free(block)
