# SPDX-License-Identifier: MIT
"""A client keeps everything it gets until the device is full."""
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.info()
kept = [gpu.alloc(100 << 20) for _ in range(100)]
