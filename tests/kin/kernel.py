# SPDX-License-Identifier: MIT
"""A kernel as far as its server and the recorder see one: kernel.py -f kernel-N.json. It says its pid and obeys lines on
stdin: segv, exit N, kill, abort, raise, grow CGROUP, end."""
import ctypes
import os
import signal
import sys

print(os.getpid(), flush=True)
for line in sys.stdin:
    word, _, argument = line.strip().partition(" ")
    if word == "segv":
        ctypes.string_at(8)
    elif word == "exit":
        os._exit(int(argument))
    elif word == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "abort":
        os.abort()
    elif word == "raise":
        raise ValueError("a kernel's own error")
    elif word == "grow":
        kept = []
        while True:
            kept.append(bytearray(b"x") * (1 << 20))
    elif word == "end":
        break
