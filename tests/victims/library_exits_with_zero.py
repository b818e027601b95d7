# SPDX-License-Identifier: MIT
"""A library ends the program with exit(0) in the middle of its work: a death, whatever the status says."""
import ctypes
import os


def work():
    ctypes.CDLL(os.path.join(os.environ["VICTIMS"], "libleaves.so")).leave_now(0)


work()
print("not reached")
