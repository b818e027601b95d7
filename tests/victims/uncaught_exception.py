# SPDX-License-Identifier: MIT
"""A C++ library, loaded by ctypes, throws an exception that nobody catches."""
import ctypes
import os

lib = ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libthrower.so"))


def step():
    lib.run_step(77)


step()
