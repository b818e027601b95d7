# SPDX-License-Identifier: MIT
"""
What is killed in the machine: victim.py HOW [CGROUP]. With CGROUP it moves there first.
    grows       takes memory without end           holds MIB   takes that much, says "ready", then waits
    spawns HOW… starts itself with what follows, waits for it and exits with 0: a recorded parent
    threads     starts threads until that fails, then exits with 1
"""
import os
import subprocess
import sys
import threading
import time


def enter(group):
    """As a container's process: it begins there."""
    if os.environ.get("ENTERED") == group:
        return
    with open(group + "/cgroup.procs", "w") as f:
        f.write(str(os.getpid()))
    os.environ["ENTERED"] = group
    os.execv(sys.executable, [sys.executable, *sys.argv])


def grow(kept):
    while True:
        kept.append(bytearray(b"x") * (2 << 20))
        time.sleep(0.004)


how, arguments = sys.argv[1], sys.argv[2:]
if how == "spawns":
    children = [subprocess.Popen([sys.executable, __file__, *words.split()]) for words in " ".join(arguments).split(" + ")]
    for child in children:
        child.wait()
    sys.exit(0)
if how == "grows":
    if arguments:
        enter(arguments[0])
    grow([])
if how == "holds":
    if arguments[1:]:
        enter(arguments[1])
    kept = bytearray(b"x") * (int(arguments[0]) << 20)
    time.sleep(0.3)
    kept += b"x" * (2 << 20)
    print("ready", flush=True)
    time.sleep(600)
if how == "threads":
    enter(arguments[0])
    try:
        for _ in range(200):
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    except RuntimeError:
        sys.stderr.write("can't start new thread\n")
        os.abort()
