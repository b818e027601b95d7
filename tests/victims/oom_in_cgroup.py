# SPDX-License-Identifier: MIT
"""A program that collects arrays in a memory cgroup of 120 MiB, into which it was moved while it ran."""
import os
import sys
import time

group = "/sys/fs/cgroup/memory/kshim-victim-oom"
if os.fork() == 0:      # the victim is the child of an exec: what waits for it must not be in the cgroup
    try:
        os.rmdir(group)
    except FileNotFoundError:
        pass
    os.mkdir(group)
    with open(group + "/memory.limit_in_bytes", "w") as f:
        f.write("120M")
    os.execv(sys.executable, [sys.executable, "-c", """
import os, sys, time
with open(sys.argv[1] + "/cgroup.procs", "w") as f:
    f.write(str(os.getpid()))
kept = []
def collect():
    for i in range(1000):
        kept.append(bytearray(b"x") * (4 << 20))
        time.sleep(0.04)
collect()
""", group])
pid, status = os.wait()
time.sleep(0.1)
sys.exit(0 if os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9 else 1)
