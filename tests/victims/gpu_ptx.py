# SPDX-License-Identifier: MIT
"""PTX of a newer toolkit than the driver's compiler; its log is in the caller's buffer."""
import ctypes
import lib_gpu

gpu = lib_gpu.Driver().start()
log = ctypes.create_string_buffer(1024)
options = (ctypes.c_int * 2)(5, 6)
values = (ctypes.c_void_p * 2)(ctypes.addressof(log), 1024)
module = ctypes.c_void_p()
gpu.call("cuModuleLoadDataEx", ctypes.byref(module), b"//", 2, options, values)
