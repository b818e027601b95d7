# SPDX-License-Identifier: MIT
"""Every function says 34: the toolkit's stub."""
import lib_gpu

lib_gpu.Driver().start()
