# SPDX-License-Identifier: MIT
"""Pools stop their workers with SIGTERM, probes fail, children exit with 1: all is well, and nothing may be kept."""
import multiprocessing
import subprocess
import sys
import time


def session():
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(pool.map(abs, [1, -2]), flush=True)
    for command in (["/nonexistent/nvidia-smi"], ["false"]):
        try:
            print(subprocess.run(command).returncode)
        except FileNotFoundError:
            print("not there")
    process = subprocess.Popen(["sleep", "60"])
    process.kill()
    print(process.wait())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        session()
    else:       # the fork server and the tracker of resources outlive who started them by a moment
        status = subprocess.run([sys.executable, __file__, "session"]).returncode
        time.sleep(1)
        sys.exit(status)
