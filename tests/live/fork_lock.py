# A forked child waits for a lock that another thread of its parent held: seen in the child, and seen at once.
# args: Lock | RLock | mutex
# who: child
# python: all
# cause: fork.deadlock
# wait: a lock (threading) | a threading.RLock that is held by a thread which is none | mutex
# stack: work (
# release: kill
# output: child ended with 9
import ctypes
import os
import sys
import threading
import time

if sys.argv[1] == "mutex":
    libc, m = ctypes.CDLL(None), ctypes.create_string_buffer(64)
    take, give = lambda: libc.pthread_mutex_lock(m), lambda: libc.pthread_mutex_unlock(m)
else:
    lock = getattr(threading, sys.argv[1])()
    take, give = lock.acquire, lock.release
held, forked = threading.Event(), threading.Event()


def holder():
    take()
    held.set()
    forked.wait()
    give()


def work():
    take()


threading.Thread(target=holder).start()
held.wait()
child = os.fork()
if child == 0:
    work()
    os._exit(0)
time.sleep(0.3)
print("ready", child, flush=True)
print("child ended with", os.waitpid(child, 0)[1], flush=True)
forked.set()
