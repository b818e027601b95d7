# SPDX-License-Identifier: MIT
"""A loop that needs more CPU time than RLIMIT_CPU allows."""
import resource

resource.setrlimit(resource.RLIMIT_CPU, (1, 20))
while True:
    sum(range(1000))
