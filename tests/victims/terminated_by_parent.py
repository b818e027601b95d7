# SPDX-License-Identifier: MIT
"""A manager starts a worker and ends it with SIGTERM; the worker is the victim."""
import os
import signal
import subprocess
import sys
import time

if len(sys.argv) > 1:
    print("ready", flush=True)
    time.sleep(60)
worker = subprocess.Popen([sys.executable, __file__, "worker"], stdout=subprocess.PIPE)
worker.stdout.readline()
os.kill(worker.pid, signal.SIGTERM)
sys.exit(0 if worker.wait() == -signal.SIGTERM else 1)
