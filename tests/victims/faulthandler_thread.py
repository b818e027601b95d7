# SPDX-License-Identifier: MIT
"""faulthandler is on, and another thread than the main one calls address 0."""
import ctypes
import faulthandler
import threading

faulthandler.enable()


def call_nothing():
    ctypes.CFUNCTYPE(None)(0)()


t = threading.Thread(target=call_nothing)
t.start()
t.join()
