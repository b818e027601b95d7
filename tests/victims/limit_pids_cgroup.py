# SPDX-License-Identifier: MIT
"""The cgroup's pids.max is 12: the thirteenth thread cannot begin, and the library that wanted it aborts."""
import os
import sys
import threading
import time

group = f"/sys/fs/cgroup/pids/kshim-victim-{os.getpid()}"
if len(sys.argv) == 1:
    os.mkdir(group)
    with open(group + "/pids.max", "w") as f:
        f.write("12")
    pid = os.fork()
    if pid == 0:
        with open(group + "/cgroup.procs", "w") as f:
            f.write(str(os.getpid()))
        os.execv(sys.executable, [sys.executable, __file__, "again"])
    status = os.waitpid(pid, 0)[1]
    time.sleep(0.1)
    os.rmdir(group)
    sys.exit(0 if status == 256 else 3)
for _ in range(40):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
