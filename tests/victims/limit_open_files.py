# SPDX-License-Identifier: MIT
"""Files that are never closed, until RLIMIT_NOFILE; the exception reaches the top."""
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
kept = []
while True:
    kept.append(open("/dev/null"))
