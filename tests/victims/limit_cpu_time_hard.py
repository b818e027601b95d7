# SPDX-License-Identifier: MIT
"""RLIMIT_CPU as ulimit -t sets it, soft and hard: Linux sends SIGKILL at once, and no SIGXCPU before."""
import resource

resource.setrlimit(resource.RLIMIT_CPU, (3, 3))
while True:
    kept = [bytearray(5000) for _ in range(2000)]
