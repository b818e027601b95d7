# SPDX-License-Identifier: MIT
"""Small requests use up the address space; the last one fails with a MemoryError that nobody catches."""
import resource

resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
kept = []
while True:
    kept.append(bytearray(700))
