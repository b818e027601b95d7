# A sleep, in the main thread and in another: nobody is stopped, and both last as long as they should.
# cause: none
# wait: a time to pass
# stack: nap (
# stopped: 0
# output: woke after 3 s
import threading
import time


def nap():
    time.sleep(3)


print("ready", flush=True)
begun = time.monotonic()
other = threading.Thread(target=nap)
other.start()
nap()
other.join()
took = time.monotonic() - begun
print(f"woke after {int(took)} s", flush=True)
