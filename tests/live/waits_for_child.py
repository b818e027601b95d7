# subprocess.run(): the child is named.
# cause: none
# wait: its child to end: process
# release: none
# output: status 7
import subprocess
import sys

print("ready", flush=True)
child = subprocess.run([sys.executable, "-c", "import time, sys; time.sleep(3); sys.exit(7)"])
print("status", child.returncode, flush=True)
