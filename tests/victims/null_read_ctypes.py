# SPDX-License-Identifier: MIT
"""ctypes reads address 0: a fault inside a library, with Python frames above it."""
import ctypes


def read_nothing():
    return ctypes.string_at(0)


def cell():
    return read_nothing()


cell()
