# SPDX-License-Identifier: MIT
"""As part_for_other_machine, behind a package that says in words of its own that something is missing."""
import os
import sys

top = os.path.join(os.environ["VICTIMS"], "layer_behind_another_package")
other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
tag = "cpython-%d%d-%s-linux-gnu" % (*sys.version_info[:2], other)
os.makedirs(os.path.join(top, "tightwheel"), exist_ok=True)
with open(os.path.join(top, "tightwheel", "__init__.py"), "w", encoding="utf-8") as f:
    f.write("from ._cext import solve\n")
open(os.path.join(top, "tightwheel", "_cext.%s.so" % tag), "wb").close()
with open(os.path.join(top, "looselib.py"), "w", encoding="utf-8") as f:
    f.write("try:\n    import tightwheel\nexcept ImportError as e:\n    raise ImportError('Unable to import a required dependency') from e\n")
sys.path.insert(0, top)
import looselib  # noqa: E402, F401
