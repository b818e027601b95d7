# SPDX-License-Identifier: MIT
"""A package installed for another Python, imported from a folder that tells no version."""
import os

import lib_layer

lib_layer.layer("layer_of_another_python", "from . import _cext\n", "_cext.cpython-27-%s-linux-gnu.so" % os.uname().machine)
import tightwheel  # noqa: E402, F401
