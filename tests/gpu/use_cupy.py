# SPDX-License-Identifier: MIT
"""usage: use_cupy.py probe | healthy | exhaust | fault | assert"""
import sys

import cupy

what = sys.argv[1]
if what == "probe":
    from cupy_backends.cuda.api import driver, runtime
    for name, ask in (("context", driver.ctxGetCurrent), ("devices", runtime.getDeviceCount)):
        try:
            print(name, ask())
        except Exception as e:
            print(name, type(e).__name__, e)
elif what == "healthy":
    print(float(cupy.ones(1000).sum()))
elif what == "exhaust":
    kept = [cupy.empty(256 << 20, dtype=cupy.uint8) for _ in range(10000)]
else:
    body = {"fault": "*(volatile int *)16 = 1;", "assert": "assert(x > 1);"}[what]
    kernel = cupy.RawKernel("#include <cassert>\nextern \"C\" __global__ void k(int x) { %s }" % body, "k")
    kernel((1,), (1,), (0,))
    cupy.cuda.Device().synchronize()
