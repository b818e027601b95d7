# The same two locks, taken in the same order: one holds both and sleeps, the other waits for its turn.
# args: Lock | RLock
# cause: none
# output: both done
import sys
import threading
import time

make = getattr(threading, sys.argv[1])
a, b = make(), make()


def worker():
    with a:
        with b:
            time.sleep(2)


threads = [threading.Thread(target=worker) for _ in range(2)]
for t in threads:
    t.start()
time.sleep(0.3)
print("ready", flush=True)
for t in threads:
    t.join()
print("both done", flush=True)
