# input(): what it waits for is named, and the line still comes.
# cause: none
# wait: data from fd 0
# stack: <module> (
# stopped: 0
# release: line
# output: got hello
print("ready", flush=True)
print("got", input())
