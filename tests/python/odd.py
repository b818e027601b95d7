# SPDX-License-Identifier: MIT
"""Audit events with arguments that no caller means, other hooks, sub-interpreters: nothing may come of our hook."""
import gc
import subprocess
import sys
import threading

if not hasattr(sys, "audit"):
    print("no audit events here")
    sys.exit(0)


class Odd(str):
    def __str__(self):
        print("called")
        raise SystemError

    __repr__ = __hash__ = __eq__ = __len__ = __str__


seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith("odd") else None)
for arguments in ((), (None,), (1,), (Odd("x"),), (Odd("x"), Odd("y")), ("\udc80", "\udc80"), (b"x", "\udc80"), (b"\n" * 5, "<ipython-input-1-\xe9>"),
                  ("\u0434\n", "<ipython-input-1-0>"), (None, None, 5, None), (None, ValueError, ValueError(Odd("z")), None),
                  (None, None, (), None), ("a" * 100000, "b" * 100000, ["c" * 5000, Odd("d"), 1, None])):
    for event in ("import", "compile", "exec", "open", "sys.excepthook", "ctypes.dlopen", "subprocess.Popen", "cpython.run_file", "odd.event", "",
                  "i", "c", "s", "o"):
        sys.audit(event, *arguments)
print(len(seen))
for value in (5, Odd("x"), ValueError(Odd("y")), ImportError(Odd("a"), name=Odd("b"), path=3), OSError(2, "text", Odd("c")), type, None):
    sys.last_value = value
    open("/dev/null").close()
    compile("1", "x", "eval")
a, b = ValueError("a"), ValueError("b")
a.__cause__, b.__cause__ = b, a             # a ring
sys.last_value = a
open("/dev/null").close()
del sys.last_value, a, b
gc.collect()
print(subprocess.run(["true"]).returncode)


def churn():
    for i in range(200):
        sys.path.insert(0, "/nowhere")
        try:
            __import__("not_there_%d" % i)
        except ImportError as e:
            sys.last_value = e
        sys.path.remove("/nowhere")


threads = [threading.Thread(target=churn) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
try:
    import _interpreters as subs
except ImportError:
    try:
        import _xxsubinterpreters as subs
    except ImportError:
        subs = None
if subs:
    for i in range(3):
        one = subs.create()
        subs.run_string(one, "import json, sys; sys.last_value = ValueError(1); open('/dev/null').close()")
        subs.destroy(one)
print("done")
