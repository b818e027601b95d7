# SPDX-License-Identifier: MIT
"""/dev/shm of 4 MiB, as in a container, and a shared block of 16 (multiprocessing.shared_memory)."""
import ctypes
import mmap
import os

libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x00020000) or libc.mount(None, b"/", None, 0x44000, None) or \
        libc.mount(b"tmpfs", b"/dev/shm", b"tmpfs", 0, b"size=4m"):
    raise SystemExit("no mount")
fd = os.open("/dev/shm/psm_block", os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.ftruncate(fd, 16 << 20)
block = mmap.mmap(fd, 16 << 20)
for at in range(0, 16 << 20, 4096):
    block[at] = 1
