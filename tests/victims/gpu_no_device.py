# SPDX-License-Identifier: MIT
"""CUDA_VISIBLE_DEVICES hides every device."""
import lib_gpu

lib_gpu.Driver().start()
