# SPDX-License-Identifier: MIT
"""What the audit hook must see: for tests/run-python. Ends with status 1, by an exception with two behind it."""
import sys

import json  # noqa: F401
import colorsys  # noqa: F401
import ctypes

print("prefix", sys.prefix)
print("path", ":".join(sys.path))
ctypes.CDLL("libm.so.6")
for name in ("<ipython-input-1-0123456789ab>", "/tmp/ipykernel_77/1234.py", "/tmp/ipykernel_x/1234.py", "<ipython>", "x.py"):
    exec(compile("secret = 1\nsecond = 'caf\xe9'\n", name, "exec"))
compile("not_run = 1\n", "<ipython-input-2-0123456789ab>", "exec")
sys.last_value = 5
open("/dev/null").close()
try:
    import not_there_at_all  # noqa: F401
except ImportError as e:
    sys.last_value = e
open("/dev/null").close()
open("/dev/null").close()
import ctypes.util  # noqa: E402
import _decimal  # noqa: E402, F401
sys.last_value = None


def fail():
    try:
        try:
            open("/not/there")
        except OSError:
            {}["caf\xe9"]
    except KeyError as e:
        raise RuntimeError("at last") from e


fail()
