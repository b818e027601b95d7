# A library whose constructor does not come back soon: its load is in progress, and that is what the main thread does.
# needs: gcc
# cause: none
# release: line
# recorded: while it loads
# stack: libslow_start.so
# frames: read | libslow_start.so | ld-linux | libc.so.6 | ld-linux | dlopen | _ctypes | CDLL.__init__ | <module> | _start
# output: loaded
import ctypes
import os
import shutil
import subprocess
import tempfile

folder = tempfile.mkdtemp()
source, library = os.path.join(folder, "slow.c"), os.path.join(folder, "libslow_start.so")
with open(source, "w") as f:
    f.write("#include <unistd.h>\n__attribute__((constructor)) static void start(void) { char c[16]; if (read(0, c, 16) < 0) _exit(3); }\n")
subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, env={k: v for k, v in os.environ.items() if k != "LD_PRELOAD"})
print("ready", flush=True)     # the load keeps the interpreter's lock
ctypes.CDLL(library)
shutil.rmtree(folder)
print("loaded", flush=True)
