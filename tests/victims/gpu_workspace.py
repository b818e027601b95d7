# SPDX-License-Identifier: MIT
"""cuBLAS asks for its working space when nothing is left."""
import ctypes
import os

import lib_gpu
from lib_gpu_pools import *

gpu = lib_gpu.Driver().start()
gpu.info()
kept = [gpu.alloc(256 * MIB) for _ in range(8)]
cublas = ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libcublas_like.so"))
if cublas.create(ctypes.cast(gpu.lib.cuMemAlloc_v2, ctypes.c_void_p)):
    raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
