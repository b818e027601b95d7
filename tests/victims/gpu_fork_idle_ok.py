# SPDX-License-Identifier: MIT
"""A forked worker that leaves the GPU alone, and a program that is started anew and uses it."""
import os
import subprocess
import sys

import lib_gpu

gpu = lib_gpu.Driver().start()
pid = os.fork()
if pid == 0:
    os._exit(0)
os.waitpid(pid, 0)
sys.exit(subprocess.call([sys.executable, "-c", "import lib_gpu; lib_gpu.Driver().start().info()"], cwd=os.path.dirname(os.path.abspath(__file__))))
