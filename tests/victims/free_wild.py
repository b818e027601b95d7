# SPDX-License-Identifier: MIT
"""free() is given an address that is no block: the fault is the allocator's, and the recorder's own look at it is none."""
import ctypes


def give_back(address):
    libc = ctypes.CDLL(None)
    libc.free.argtypes = [ctypes.c_void_p]
    libc.free(address)


give_back(0x10000123450)
