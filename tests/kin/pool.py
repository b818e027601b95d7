# SPDX-License-Identifier: MIT
"""
pool.py HOW [SECONDS]: a multiprocessing.Pool whose worker dies; it makes another one, and the task's result never comes. crash:
at its task. idle: one that has none is ended by somebody else, while another one is at work. With SECONDS it gives up then.
"""
import ctypes
import multiprocessing
import os
import sys
import time


def task(how):
    if how == "pid":
        time.sleep(0.2)
        return os.getpid()
    print("task", os.getpid(), flush=True)
    if how == "crash":
        ctypes.string_at(8)
    time.sleep(600)


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("workers", *set(pool.map(task, ["pid"] * 4, 1)), flush=True)
        result = pool.map_async(task, [sys.argv[1]], 1)
        result.get(*map(float, sys.argv[2:]))
