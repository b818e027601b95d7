# SPDX-License-Identifier: MIT
"""Folders that somebody installed a package into, of which a part has a name that this Python may not look for."""
import os
import sys


def layer(folder, words, part, **modules):
    """The package tightwheel, whose __init__.py holds these words, with an empty file of that name in it, and modules beside it."""
    top = os.path.join(os.environ["VICTIMS"], folder)
    os.makedirs(os.path.join(top, "tightwheel"), exist_ok=True)
    files = {"tightwheel/__init__.py": words, "tightwheel/" + part: "", **{name + ".py": text for name, text in modules.items()}}
    for name, text in files.items():
        with open(os.path.join(top, name), "w", encoding="utf-8") as f:
            f.write(text)
    sys.path.insert(0, top)


def part_for_other_machine():
    other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
    return "_cext.cpython-%d%d-%s-linux-gnu.so" % (*sys.version_info[:2], other)
