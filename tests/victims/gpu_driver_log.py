# SPDX-License-Identifier: MIT
"""A driver of 12.9 keeps a log; it is read after the first failure and quoted."""
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.lib.cuGetProcAddress_v2
gpu.launch()
