# SPDX-License-Identifier: MIT
"""No device, and later an error of the program's own: the device is innocent."""
import sys

import lib_gpu

code = lib_gpu.Driver().raw("cuInit", 0)
print("failed call to cuInit: CUDA_ERROR_NO_DEVICE - using the CPU", file=sys.stderr)
{}["learning_rate"]
