# SPDX-License-Identifier: MIT
"""A library needs a function that nothing in the process has."""
import ctypes
import os

ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libloadundefined.so"), os.RTLD_NOW)
