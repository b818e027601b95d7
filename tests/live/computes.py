# A loop at work: its thread is stopped for an instant, and the result is the same.
# python: all
# cause: none
# wait: nothing
# stack: spin (
# output: fe98...
import hashlib
import time


def spin(until):
    value = b"kshim"
    n = 0
    while time.monotonic() < until or n < 20000:
        if n < 20000:
            value = hashlib.sha256(value).digest()
        n += 1
    return value


print("ready", flush=True)
print(spin(time.monotonic() + 3).hex()[:4] + "...", flush=True)
