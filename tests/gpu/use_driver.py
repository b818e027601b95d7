# SPDX-License-Identifier: MIT
"""usage: use_driver.py healthy | exhaust | absurd | prealloc | fault | fork"""
import ctypes
import os
import sys

from lib_driver import CudaError, Driver

what = sys.argv[1]
gpu = Driver().start()
free, total = gpu.info()
if what == "healthy":
    good = gpu.function(b"good")
    for _ in range(100):
        code, block = gpu.alloc(1 << 20)
        gpu.launch(good)
        gpu.call("cuCtxSynchronize")
        gpu.call("cuMemFree_v2", ctypes.c_uint64(block))
    print("healthy")
elif what in ("exhaust", "absurd", "prealloc"):
    size = {"exhaust": total // 16, "absurd": total * 100, "prealloc": total // 4 * 3}[what]
    for i in range(100):
        code, block = gpu.alloc(size)
        if code:
            raise CudaError(f"CUDA out of memory ({code}): block {i} of {size} bytes: CUDA_ERROR_OUT_OF_MEMORY")
        if what == "prealloc":
            size = total // 8
elif what == "fault":
    bad = gpu.function(b"bad")
    gpu.launch(bad)
    gpu.call("cuCtxSynchronize")
elif what == "fork":
    if os.fork() == 0:
        code = gpu.raw("cuCtxSynchronize")
        print(f"CUDA error {code} in a forked child", file=sys.stderr)
        os._exit(1)
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
