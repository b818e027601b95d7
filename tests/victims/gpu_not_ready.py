# SPDX-License-Identifier: MIT
"""The driver waits for the fabric manager."""
import lib_gpu

lib_gpu.Driver().start()
