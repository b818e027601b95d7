# SPDX-License-Identifier: MIT
"""An older process of the same user holds the device, as its recording knows."""
import os
import subprocess
import sys
import time

import lib_gpu
from lib_gpu_pools import *

if len(sys.argv) > 1:               # the older one
    gpu = lib_gpu.Driver().start()
    gpu.info()
    gpu.alloc(7 * GIB)
    print("ready", flush=True)
    time.sleep(60)
else:
    older = subprocess.Popen([sys.executable, __file__, "hold"], stdout=subprocess.PIPE)
    older.stdout.readline()
    os.environ["FAKECUDA"] += ",other=7g"       # two processes, two drivers: this one is told of the other
    try:
        torch = Torch(lib_gpu.Driver().start())
        torch.gpu.info()
        torch.empty(2 * GIB)
    finally:
        older.terminate()
        older.wait()
