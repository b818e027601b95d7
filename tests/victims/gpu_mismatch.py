# SPDX-License-Identifier: MIT
"""libcuda and the kernel module do not belong together."""
import lib_gpu

lib_gpu.Driver().start()
