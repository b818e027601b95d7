# Another user's process: its memory may not be read; the report says so, with what /proc tells everybody.
# needs: root
# as: nobody
# cause: none
# refused: yes
# output: ended
import time

print("ready", flush=True)
time.sleep(3)
print("ended", flush=True)
