# SPDX-License-Identifier: MIT
"""No device: the program computes on the CPU and ends well."""
import sys

import lib_gpu

code = lib_gpu.Driver().raw("cuInit", 0)
print("CUDA error", code, "- using the CPU", file=sys.stderr)
