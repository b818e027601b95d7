# SPDX-License-Identifier: MIT
"""A package installed for another Python, imported from a folder that tells no version."""
import os
import sys

top = os.path.join(os.environ["VICTIMS"], "layer_of_another_python")
tag = "cpython-27-%s-linux-gnu" % os.uname().machine
os.makedirs(os.path.join(top, "tightwheel"), exist_ok=True)
with open(os.path.join(top, "tightwheel", "__init__.py"), "w", encoding="utf-8") as f:
    f.write("from . import _cext\n")
open(os.path.join(top, "tightwheel", "_cext.%s.so" % tag), "wb").close()
sys.path.insert(0, top)
import tightwheel  # noqa: E402, F401
