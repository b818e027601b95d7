# A child waits for a lock on a file that its parent holds: the file and the holder are named.
# who: child
# cause: none
# wait: which is held by process
# release: line
# output: child ended with 0
import fcntl
import os
import tempfile
import time

path = tempfile.mkstemp()[1]
own = open(path)
fcntl.flock(own, fcntl.LOCK_EX)
child = os.fork()
if child == 0:
    fcntl.flock(open(path), fcntl.LOCK_EX)
    os._exit(0)
time.sleep(0.3)
print("ready", child, flush=True)
input()
fcntl.flock(own, fcntl.LOCK_UN)
print("child ended with", os.waitpid(child, 0)[1], flush=True)
os.unlink(path)
