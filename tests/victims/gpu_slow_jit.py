# SPDX-License-Identifier: MIT
"""The driver compiles for a long time, and somebody ends the process: it was no deadlock."""
import ctypes
import os
import subprocess

import lib_gpu

killer = subprocess.Popen(["sh", "-c", f"sleep 6; kill {os.getpid()}"])
gpu = lib_gpu.Driver().start()
gpu.call("cuModuleLoadData", ctypes.byref(ctypes.c_void_p()), b"//")
