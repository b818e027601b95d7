# Workers without work, and a main thread that waits for a signal: all of it normal.
# cause: none
# release: USR1
# output: done
import concurrent.futures
import signal
import threading

pool = concurrent.futures.ThreadPoolExecutor(3)
assert pool.submit(pow, 3, 2).result() == 9
stop = threading.Event()
signal.signal(signal.SIGUSR1, lambda *a: stop.set())
print("ready", flush=True)
stop.wait()
pool.shutdown()
print("done", flush=True)
