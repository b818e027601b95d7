# SPDX-License-Identifier: MIT
"""A package of one's own lacks a part altogether; another part of it is built for this Python. Nothing is hidden by anything."""
import os
import sys
import sysconfig

top = os.path.join(os.environ["VICTIMS"], "layer_without_a_part")
os.makedirs(os.path.join(top, "tightwheel"), exist_ok=True)
with open(os.path.join(top, "tightwheel", "__init__.py"), "w", encoding="utf-8") as f:
    f.write("from ._cext import solve\n")
open(os.path.join(top, "tightwheel", "_other" + sysconfig.get_config_var("EXT_SUFFIX")), "wb").close()
sys.path.insert(0, top)
import tightwheel  # noqa: E402, F401
