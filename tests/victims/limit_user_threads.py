# SPDX-License-Identifier: MIT
"""ulimit -u counts threads, too: a user who may have twelve starts more of them."""
import os
import resource
import threading
import time

os.setgid(64002)
os.setuid(64002)
resource.setrlimit(resource.RLIMIT_NPROC, (12, 12))
for _ in range(40):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
