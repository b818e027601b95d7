# SPDX-License-Identifier: MIT
"""
Says in which frames it is, and dies there by a read of address 0. For tests/run-python; runs on 3.6 and later.

    frames.py KIND      prints "expect FILE LINE FUNCTION" innermost first, as ascii() has them, and the thread's number
"""
import asyncio
import ctypes
import functools
import sys
import threading


def say(word="expect"):
    """The frames of the caller, as the interpreter has them. The line that calls this is the line that dies or waits."""
    f = sys._getframe(1)
    while f:
        name = getattr(f.f_code, "co_qualname", f.f_code.co_name)
        print(word, ascii(f.f_code.co_filename), f.f_lineno, ascii(name))
        f = f.f_back
    sys.stdout.flush()


def die():
    say(); ctypes.string_at(0)


def plain(n=3):
    if n:
        return plain(n - 1)
    die()


def thread():
    waiting, ready = threading.Event(), threading.Event()

    def bystander():
        say("other"); ready.set(); waiting.wait()

    threading.Thread(target=bystander, daemon=True).start()
    ready.wait()
    t = threading.Thread(target=plain, name="dying")
    t.start()
    t.join()


def inner():
    yield 1
    die()
    yield 2


def outer():
    yield from inner()


def generator():
    list(x + 1
         for x in outer())


class Late:
    def __await__(self):
        yield
        die()


async def waits():
    await Late()


async def coroutine_of():
    await waits()


def coroutine():
    asyncio.new_event_loop().run_until_complete(coroutine_of())


def callback():
    """Python, C, Python: sort calls a key function; ctypes calls back; functools.partial."""
    def compare(a, b):
        die()
        return 0

    c = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))(compare)
    numbers = (ctypes.c_int * 4)(3, 1, 2, 0)

    def key(x):
        ctypes.CDLL(None).qsort(numbers, 4, 4, c)

    sorted([2, 1], key=functools.partial(key))


def classbody():
    class Outer:
        class Inner:
            x = [
                1,
                die(),
            ]


def names():
    """File and function names of one, two and four bytes a character."""
    for file, name in (("plain.py", "plain_name"), ("caf\xe9.py", "na\xefve"), ("\u0434\u043e\u043c.py", "\u0434\u043e\u043c"),
                       ("\U00020000.py", "f\U00020000")):
        space = {"f": globals().get("chain", die)}
        exec(compile("\n" * 4 + "def %s():\n\tf()\n\treturn 1\n" % name, file, "exec"), space)
        globals()["chain"] = space[name]
    chain()


def long():
    """A line table of many bytes: the place is far behind in the code."""
    source = "def far():\n" + "\tx = (1,\n\t\t2, None)\n" * 3000 + "\tdie()\n" + "\ty = 2\n" * 100
    space = {"die": die}
    exec(compile(source, "far.py", "exec"), space)
    space["far"]()


def down(n):
    if n == 0:
        die()
    else:
        down(n - 1)


def deep():
    sys.setrecursionlimit(3000)
    down(900)


print("tid", "?")
globals()[sys.argv[1]]()
