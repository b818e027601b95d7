# SPDX-License-Identifier: MIT
"""Another process holds nearly the whole device."""
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.info()
kept = [gpu.alloc(200 << 20)]
gpu.alloc(800 << 20)
