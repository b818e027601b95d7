# SPDX-License-Identifier: MIT
"""As the back-off, and then an exception that has nothing to do with it."""
import lib_gpu

gpu = lib_gpu.Driver().start()
free, total = gpu.info()
size = total
while gpu.alloc_code(size)[0]:
    size = int(size * 0.9)
gpu.launch()
{}["learning_rate"]
