# Two threads hold each other's locks; the main thread joins one of them with a time limit.
# args: Lock | RLock
# python: all
# cause: thread.deadlock
# mention: two_locks.py
# output: gave up
import sys
import threading
import time

make = getattr(threading, sys.argv[1])
a, b = make(), make()
both = threading.Barrier(2)


def first():
    with a:
        both.wait()
        with b:
            pass


def second():
    with b:
        both.wait()
        with a:
            pass


threads = [threading.Thread(target=t, daemon=True) for t in (first, second)]
for t in threads:
    t.start()
time.sleep(0.5)
print("ready", flush=True)
threads[0].join(4)
print("gave up", flush=True)
