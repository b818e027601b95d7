# SPDX-License-Identifier: MIT
"""Text is written over the type of a Python object, as a write beyond a small ctypes buffer does."""
import ctypes

objects = [str(i) * 3 for i in range(64)]
ctypes.memset(id(objects[9]) + 8, 0x41, 8)
print(objects[9] == 7, hash(objects[9]), sorted(objects))
