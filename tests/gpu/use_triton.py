# SPDX-License-Identifier: MIT
"""Triton's helper is compiled against cuda.h and linked with libcuda.so.1. usage: use_triton.py probe | healthy"""
import sys

import triton

if sys.argv[1] == "probe":
    try:
        print(triton.__version__, triton.runtime.driver.active.get_current_target())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[:1])
    from triton.backends.nvidia.driver import CudaUtils
    try:
        print(CudaUtils().get_device_properties(0)["warpSize"])
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[:1])
else:
    import torch
    import triton.language as tl

    @triton.jit
    def one(p):
        tl.store(p, 1)
    x = torch.zeros(1, dtype=torch.int32, device="cuda")
    one[(1,)](x)
    print(int(x[0]))
