# SPDX-License-Identifier: MIT
"""A package of one's own lacks a part altogether; another part of it is built for this Python. Nothing is hidden by anything."""
import sysconfig

import lib_layer

lib_layer.layer("layer_without_a_part", "from ._cext import solve\n", "_other" + sysconfig.get_config_var("EXT_SUFFIX"))
import tightwheel  # noqa: E402, F401
