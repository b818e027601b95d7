# SPDX-License-Identifier: MIT
"""The driver frees a block twice inside cuInit."""
import lib_gpu

lib_gpu.Driver().start()
