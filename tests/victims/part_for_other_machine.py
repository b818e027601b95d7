# SPDX-License-Identifier: MIT
"""A package installed for another processor: its extension module is there, and Python says that it is not."""
import lib_layer

lib_layer.layer("layer_of_another_machine", "from ._cext import solve\n", lib_layer.part_for_other_machine())
import tightwheel  # noqa: E402, F401
