# SPDX-License-Identifier: MIT
"""Audit events with arguments that no caller means, other hooks, sub-interpreters: nothing may come of our hook."""
import ctypes
import gc
import signal
import subprocess
import sys
import threading


class Odd(str):
    def __str__(self):
        print("called")
        raise SystemError

    __repr__ = __hash__ = __eq__ = __len__ = __str__


def show(value):
    """The recorder looks at sys.last_value at such times as these, and only when it is another than before."""
    for sys.last_value in (ValueError("another"), value):
        open("/dev/null").close()
        compile("1", "x", "eval")
        ctypes.CDLL("libc.so.6")
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)


def raised(e):
    try:
        raise e
    except BaseException as caught:
        return caught


def strip(e, **members):
    for name, value in members.items():
        try:
            setattr(e, name, value)
        except (TypeError, AttributeError):
            pass
    return e


class Both(ImportError, AttributeError if sys.version_info < (3, 10) else ValueError):
    pass


class Silent(BaseException):
    def __new__(cls, *a):
        return super().__new__(cls)

    def __getattribute__(self, name):
        raise SystemExit("code of the program was run")

    __str__ = __repr__ = __getattribute__


def deep(n):
    return deep(n - 1) if n else 1 / 0


seen = []
if hasattr(sys, "audit"):
    sys.addaudithook(lambda event, args: seen.append(event) if event.startswith("odd") else None)
for arguments in ((), (None,), (1,), (Odd("x"),), (Odd("x"), Odd("y")), ("\udc80", "\udc80"), (b"x", "\udc80"), (b"\n" * 5, "<ipython-input-1-\xe9>"),
                  ("\u0434\n", "<ipython-input-1-0>"), (None, None, 5, None), (None, ValueError, ValueError(Odd("z")), None),
                  (None, None, (), None), ("a" * 100000, "b" * 100000, ["c" * 5000, Odd("d"), 1, None])):
    if not hasattr(sys, "audit"):
        break
    for event in ("import", "compile", "exec", "open", "sys.excepthook", "ctypes.dlopen", "subprocess.Popen", "cpython.run_file", "odd.event", "",
                  "i", "c", "s", "o"):
        sys.audit(event, *arguments)
print(len(seen))
for value in (5, Odd("x"), ValueError(Odd("y")), ImportError(Odd("a"), name=Odd("b"), path=3), OSError(2, "text", Odd("c")), type, None):
    show(value)
for kind in (ValueError, ImportError, ModuleNotFoundError, OSError, FileNotFoundError, UnicodeDecodeError, SystemExit, Both, Silent, KeyError):
    for arguments in ((), (None,), (1, None, None), (2, "text", "file", None, 3), ("utf-8", b"", 0, 1, "why")):
        try:
            e = kind(*arguments)
        except TypeError:
            continue
        if kind is Silent:
            show(e)
            continue
        show(e)
        show(raised(e))
        show(raised(e).with_traceback(None))
        show(strip(raised(e), args=(), name=None, path=None, filename=None, __traceback__=None))
        show(strip(e, args=[None, [1]], name=3, path=b"x", filename=(), __cause__=None, __context__=None, __suppress_context__=True))
        e.__cause__ = raised(KeyError()).with_traceback(None)
        show(e)
try:
    deep(500)
except ZeroDivisionError as e:
    show(e)
    e.__traceback__.tb_frame.clear
    if sys.version_info >= (3, 7):
        e.__traceback__.tb_next = None
    show(e)
    show(None)
    show(e)
a, b = ValueError("a"), ValueError("b")
a.__cause__, b.__cause__ = b, a             # a ring
show(a)
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
