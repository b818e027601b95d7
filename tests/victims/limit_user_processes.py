# SPDX-License-Identifier: MIT
"""ulimit -u: a user who may have four processes wants more of them; fork fails, and Python raises what nobody expects."""
import os
import resource
import subprocess

sleep = "/bin/sleep"
subprocess.run([sleep, "0"])        # all that is imported at the first one
os.setgid(64001)
os.setuid(64001)
resource.setrlimit(resource.RLIMIT_NPROC, (4, 4))
kept = [subprocess.Popen([sleep, "20"]) for _ in range(10)]
