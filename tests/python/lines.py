# SPDX-License-Identifier: MIT
"""
Prints the line tables of real code, with what this interpreter itself says of them, for test_pylines.c:

    KIND FIRSTLINE HEX-OF-TABLE LINE LINE LINE ...        a line for every second byte of code, 0: none

Runs on every CPython from 3.6 on.
"""
import dis
import os
import sys

SOURCES = ("argparse.py", "ast.py", "asyncio/base_events.py", "dataclasses.py", "json/decoder.py", "tarfile.py", "typing.py")
ODD = """
def decorated(f): return f
@decorated
@decorated
class C:
    x = [a
         for a in (1,
                   2)]
    def back(self):
        return (self.
                x, *[
            1
        ], len(
            'a'))
async def g():
    async with x as y:
        await y
    try:
        yield 1
    finally:
        pass
def far(): return (1 +
%s
f(
2))
def long(): return f(%s)
""" % ("\n" * 700, ", ".join("a%d" % i for i in range(200)))


def nested(code):
    yield code
    for c in code.co_consts:
        if hasattr(c, "co_code"):
            for inner in nested(c):
                yield inner


def lines(code):
    size = len(code.co_code)
    if hasattr(code, "co_lines"):
        found = [0] * (size // 2)
        for start, end, line in code.co_lines():
            for i in range(start // 2, min(end, size) // 2):
                found[i] = line or 0
        return found
    starts = dict(dis.findlinestarts(code))
    found, line = [], code.co_firstlineno
    for offset in range(0, size, 2):
        line = starts.get(offset, line)
        found.append(line)
    return found


def main():
    kind = 1 if sys.version_info < (3, 10) else 2 if sys.version_info < (3, 11) else 3
    library = os.path.dirname(os.__file__)
    codes = [compile(ODD, "odd", "exec")]
    for name in SOURCES:
        path = os.path.join(library, name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                codes.append(compile(f.read(), path, "exec"))
    for top in codes:
        for code in nested(top):
            table = code.co_lnotab if kind == 1 else code.co_linetable
            print(kind, code.co_firstlineno, table.hex() or "-", *lines(code))


main()
