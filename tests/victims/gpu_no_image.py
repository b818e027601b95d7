# SPDX-License-Identifier: MIT
"""No code for this GPU in the binary."""
import ctypes
import lib_gpu

gpu = lib_gpu.Driver().start()
gpu.raw("cuDeviceGetName", ctypes.create_string_buffer(64), 64, 0)
module = ctypes.c_void_p()
gpu.call("cuModuleLoadData", ctypes.byref(module), b"//")
