# SPDX-License-Identifier: MIT
"""usage: use_numba.py healthy | exhaust | fault"""
import sys

import numpy
from numba import cuda

what = sys.argv[1]
if what == "healthy":
    kept = [cuda.device_array(1000000) for _ in range(10)]
    print(len(kept))
elif what == "exhaust":
    kept = [cuda.device_array(256 << 20, dtype=numpy.uint8) for _ in range(10000)]
else:
    @cuda.jit
    def write(a, far):
        a[cuda.grid(1) + far] = 1
    write[1, 32](cuda.device_array(10), 1 << 40)
    cuda.synchronize()
