# A forked child of a parent with threads, that waits until a signal sets its event: it does not hang.
# who: child
# cause: none
# wait: an event or a condition
# release: USR1
# output: child ended with 0
import os
import signal
import threading
import time

threading.Thread(target=time.sleep, args=(1,)).start()
event = threading.Event()
signal.signal(signal.SIGUSR1, lambda *a: event.set())
child = os.fork()
if child == 0:
    event.wait()
    os._exit(0)
time.sleep(0.3)
print("ready", child, flush=True)
print("child ended with", os.waitpid(child, 0)[1], flush=True)
