# SPDX-License-Identifier: MIT
"""A library's constructor calls exit(5) while it is loaded."""
import ctypes
import os


def load():
    ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libleaves.so"))


load()
print("not reached")
