# SPDX-License-Identifier: MIT
"""A pool asks for 0.9 of what was refused until it fits, then works: no death and nothing to tell."""
import lib_gpu

gpu = lib_gpu.Driver().start()
free, total = gpu.info()
size = total
while True:
    code, pool = gpu.alloc_code(size)
    if code == 0:
        break
    size = int(size * 0.9)
gpu.launch()
gpu.free(pool)
print("worked with", size)
