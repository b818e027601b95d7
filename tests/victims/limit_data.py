# SPDX-License-Identifier: MIT
"""ulimit -d: a process may have 200 MiB of its own, and a library does not look whether malloc gave it what it wanted."""
import ctypes
import resource

resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, 200 << 20))
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
while True:
    libc.memset(libc.malloc(16 << 20), 1, 16 << 20)
