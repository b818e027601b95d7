# SPDX-License-Identifier: MIT
"""usage: use_cudapython.py healthy | exhaust"""
import sys

from cuda.bindings import driver

what = sys.argv[1]


def call(result):
    if int(result[0]):
        raise RuntimeError(f"CUDA error {result[0]}: " + ("out of memory" if int(result[0]) == 2 else ""))
    return result[1] if len(result) == 2 else result[1:]


call(driver.cuInit(0))
call(driver.cuDriverGetVersion())
call(driver.cuCtxSetCurrent(call(driver.cuDevicePrimaryCtxRetain(call(driver.cuDeviceGet(0))))))
free, total = call(driver.cuMemGetInfo())
kept = [call(driver.cuMemAlloc(256 << 20)) for _ in range(4 if what == "healthy" else 10000)]
print(len(kept))
