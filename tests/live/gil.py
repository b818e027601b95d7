# A C function that keeps the interpreter's lock: who waits for it, and who has it.
# cause: none
# thread: interpreter's lock (GIL) that the main thread
# output: slept
import ctypes
import threading
import time

stop = []


def other():
    while not stop:
        time.sleep(0.01)


t = threading.Thread(target=other)
t.start()
sleep = ctypes.PyDLL(None).sleep
time.sleep(0.2)
print("ready", flush=True)
sleep(3)
stop.append(True)
t.join()
print("slept", flush=True)
