# SPDX-License-Identifier: MIT
"""One request that is larger than any device."""
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.info()
gpu.alloc(10 ** 6 * 10 ** 6 * 4)
