# SPDX-License-Identifier: MIT
"""The constructor of a library crashes while it is loaded, with nothing else wrong."""
import ctypes
import os

ctypes.CDLL("libm.so.6")
ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libloadcrash.so"))
