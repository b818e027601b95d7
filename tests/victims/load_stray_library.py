# SPDX-License-Identifier: MIT
"""LD_LIBRARY_PATH leads to another library of the name that is needed, which does not define what is wanted of it."""
import ctypes
import os
import shutil
import sys

if "LD_LIBRARY_PATH" not in os.environ:     # the loader reads it at the program's start
    folder = os.path.join(os.environ["VICTIMS"], "other")   # the files are looked at once more afterwards
    os.makedirs(folder, exist_ok=True)
    shutil.copy(os.path.join(os.environ["VICTIMS"], "libleaves.so"), os.path.join(folder, "libloadinner.so"))
    os.environ["LD_LIBRARY_PATH"] = folder
    os.execv(sys.executable, [sys.executable, __file__])
ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libloadouter.so"), os.RTLD_NOW)
