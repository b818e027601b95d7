# A thread at work in a library of the name of the driver's compiler (zlib's code, under that name): slow, not stuck.
# cause: cuda.slow-jit
# confidence: proven
# mention: not stuck
# wait: nothing
# output: compiled
import ctypes
import os
import shutil
import tempfile
import time
import zlib

path = next(line.split()[-1] for line in open("/proc/self/maps") if "/libz" in line)
folder = tempfile.mkdtemp()
copy = os.path.join(folder, "libnvidia-ptxjitcompiler.so.1")
shutil.copy(path, copy)
z = ctypes.CDLL(copy)
data = b"kshim and something else " * 400000
size = ctypes.c_ulong(len(data) + 1000)
room = ctypes.create_string_buffer(size.value)
print("ready", flush=True)
begun = time.monotonic()
while time.monotonic() - begun < 4:
    n = ctypes.c_ulong(size.value)
    z.compress2(room, ctypes.byref(n), data, ctypes.c_ulong(len(data)), 9)
shutil.rmtree(folder)
print("compiled" if zlib.decompress(room.raw[:n.value]) == data else "broken", flush=True)
