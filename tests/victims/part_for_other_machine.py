# SPDX-License-Identifier: MIT
"""A package installed for another processor: its extension module is there, and Python says that it is not."""
import os
import sys

top = os.path.join(os.environ["VICTIMS"], "layer_of_another_machine")
other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
tag = "cpython-%d%d-%s-linux-gnu" % (*sys.version_info[:2], other)
os.makedirs(os.path.join(top, "tightwheel"), exist_ok=True)
with open(os.path.join(top, "tightwheel", "__init__.py"), "w", encoding="utf-8") as f:
    f.write("from ._cext import solve\n")
open(os.path.join(top, "tightwheel", "_cext.%s.so" % tag), "wb").close()
sys.path.insert(0, top)
import tightwheel  # noqa: E402, F401
