# SPDX-License-Identifier: MIT
"""The library is there, the one that it needs too, but not the one that that one needs; the loader names only the ends."""
import ctypes
import os
import shutil

top = os.path.join(os.environ["VICTIMS"], "missing_behind_another")
os.makedirs(top, exist_ok=True)
for name in "libloadtop.so", "libloadouter.so":
    shutil.copy(os.path.join(os.environ["VICTIMS"], name), os.path.join(top, name))
ctypes.CDLL(os.path.join(top, "libloadtop.so"))
