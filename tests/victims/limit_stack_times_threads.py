# SPDX-License-Identifier: MIT
"""ulimit -s of 16 TiB: each thread gets that much, and there is room for few of them."""
import os
import resource
import sys
import threading
import time

if len(sys.argv) == 1:
    resource.setrlimit(resource.RLIMIT_STACK, (16 << 40, resource.RLIM_INFINITY))
    os.execv(sys.executable, [sys.executable, __file__, "again"])
for _ in range(40):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
