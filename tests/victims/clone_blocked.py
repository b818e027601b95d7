# SPDX-License-Identifier: MIT
"""A seccomp filter as of an old container runtime: clone3 is answered with EPERM, so that no thread can begin."""
import ctypes
import struct
import threading

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER, CLONE3, EPERM = 38, 22, 2, 435, 1
code = struct.pack("HBBI" * 4,
                   0x20, 0, 0, 0,                       # the system call's number
                   0x15, 0, 1, CLONE3,
                   0x06, 0, 0, 0x00050000 | EPERM,
                   0x06, 0, 0, 0x7fff0000)
room = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", 4, ctypes.addressof(room))
libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
if libc.prctl(PR_SET_SECCOMP, FILTER, program, 0, 0):
    raise SystemExit("no filter")
threading.Thread(target=print).start()
