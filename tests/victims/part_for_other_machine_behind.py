# SPDX-License-Identifier: MIT
"""As part_for_other_machine, behind a package that says in words of its own that something is missing."""
import lib_layer

BEHIND = "try:\n    import tightwheel\nexcept ImportError as e:\n    raise ImportError('Unable to import a required dependency') from e\n"
lib_layer.layer("layer_behind_another_package", "from ._cext import solve\n", lib_layer.part_for_other_machine(), looselib=BEHIND)
import looselib  # noqa: E402, F401
