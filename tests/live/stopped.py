# SIGSTOP: it says so, and it goes on when it is told to.
# cause: none
# before: STOP
# release: CONT
# state: T
# output: went on
import time

print("ready", flush=True)
time.sleep(1.5)
print("went on", flush=True)
