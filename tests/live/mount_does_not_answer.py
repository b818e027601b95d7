# A file system whose server does not answer (FUSE here; NFS, a cloud's bucket): who reads there waits in the kernel.
# needs: mounts file:/dev/fuse
# who: child
# cause: none
# thread: waits for a FUSE file system
# mention: /mnt/data.h5
# release: kill
# output: it ended
import ctypes
import os
import struct
import sys
import tempfile

libc = ctypes.CDLL(None, use_errno=True)
folder = tempfile.mkdtemp()
place = folder + "/mnt"
os.mkdir(place)
fuse = os.open("/dev/fuse", os.O_RDWR)
if libc.unshare(0x00020000) or libc.mount(None, b"/", None, 0x44000, None) or \
        libc.mount(b"silent", place.encode(), b"fuse.silent", 0, f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()):
    sys.exit("no mount")
request = os.read(fuse, 65536)     # FUSE_INIT (linux/fuse.h: fuse_in_header, fuse_init_in); all that is asked later stays unanswered
unique = struct.unpack_from("<Q", request, 8)[0]
major, minor = struct.unpack_from("<II", request, 40)
answer = struct.pack("<IIIIHHIIHHI", major, minor, 65536, 0, 12, 9, 65536, 1, 0, 0, 0) + b"\0" * 24
os.write(fuse, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)
child = os.fork()
if child == 0:
    os.close(fuse)
    open(place + "/data.h5", "rb").read()
    os._exit(1)
print("ready", child, flush=True)
status = os.waitpid(child, 0)[1]
libc.umount2(place.encode(), 2)
print("it ended" if os.WIFSIGNALED(status) else "it came back", flush=True)
