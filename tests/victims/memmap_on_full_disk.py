# SPDX-License-Identifier: MIT
"""A memmap on a file system of 4 MiB: the sparse file of 16 is there, its pages are not."""
import ctypes
import mmap
import os
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
folder = tempfile.mkdtemp()
if libc.unshare(0x00020000) or libc.mount(None, b"/", None, 0x44000, None) or \
        libc.mount(b"tmpfs", folder.encode(), b"tmpfs", 0, b"size=4m"):
    raise SystemExit("no mount")
fd = os.open(folder + "/scratch.dat", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 16 << 20)
block = mmap.mmap(fd, 16 << 20)
for at in range(0, 16 << 20, 4096):
    block[at] = 1
