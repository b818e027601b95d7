# SPDX-License-Identifier: MIT
"""The same with faulthandler on: its handler runs first, gives the signal back and raises it again."""
import ctypes
import faulthandler

faulthandler.enable()


def read_nothing():
    return ctypes.string_at(16)


read_nothing()
