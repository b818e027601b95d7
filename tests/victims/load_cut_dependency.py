# SPDX-License-Identifier: MIT
"""A library that another one needs was copied in part: the disk was full, the download broke off."""
import ctypes
import os
import shutil

for name in ("libloadouter.so", "libloadinner.so"):
    shutil.copy(os.path.join(os.environ["VICTIMS"], name), name)
os.truncate("libloadinner.so", 320000)
ctypes.CDLL(os.path.join(os.getcwd(), "libloadouter.so"))
