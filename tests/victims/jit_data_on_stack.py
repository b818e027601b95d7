# SPDX-License-Identifier: MIT
"""Code made at run time crashes with an address of libpython's data on top of its stack: nobody called it from there."""
import ctypes
import mmap

data = ctypes.addressof(ctypes.c_void_p.in_dll(ctypes.pythonapi, "PyExc_ValueError"))
code = b"\x48\xb8" + data.to_bytes(8, "little") + b"\x50" + b"\x31\xc0\x8b\x00\xc3"  # mov rax, data; push rax; xor eax, eax; mov eax, [rax]
memory = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
