# SPDX-License-Identifier: MIT
"""Stacks of threads that RLIMIT_AS has no room for, while memory is free; the exception reaches the top."""
import resource
import threading
import time

with open("/proc/self/statm") as f:
    now = int(f.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (64 << 20), now + (64 << 20)))
threading.stack_size(16 << 20)
for _ in range(64):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
