# SPDX-License-Identifier: MIT
"""The library is there, but not the one that it needs."""
import ctypes
import os
import shutil

shutil.copy(os.path.join(os.environ["VICTIMS"], "libloadouter.so"), "libloadouter.so")
ctypes.CDLL(os.path.join(os.getcwd(), "libloadouter.so"))
