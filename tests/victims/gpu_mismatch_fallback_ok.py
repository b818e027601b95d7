# SPDX-License-Identifier: MIT
"""803, and the program computes on the CPU."""
import sys

import lib_gpu

code = lib_gpu.Driver().raw("cuInit", 0)
print("CUDA error", code, "- using the CPU", file=sys.stderr)
