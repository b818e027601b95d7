# SPDX-License-Identifier: MIT
"""
The same for Python: `secrets.py WAY` with secrets in a cell of a notebook, in an exception and in what it prints.
They are made from the letters of a number, and `show` prints them.
"""
import sys

from letters import make

cell, raised, printed = make(11), make(12), make(13)
if sys.argv[1] == "show":
    print(f"cell {cell}\nraised {raised}\nprinted {printed}")
    sys.exit()
print(printed, file=sys.stderr, flush=True)
name = "/tmp/ipykernel_77/1234567890.py"
exec(compile(f"x = 1  # {cell}\n", name, "exec"))
if sys.argv[1] == "exception":
    raise RuntimeError(raised)
import ctypes
exec(compile(f"ctypes.string_at(8)  # {cell}\n", name, "exec"))
