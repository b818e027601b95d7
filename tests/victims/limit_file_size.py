# SPDX-License-Identifier: MIT
"""A file grows beyond RLIMIT_FSIZE, after somebody has set SIGXFSZ back to its default."""
import resource
import signal
import tempfile

resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, resource.RLIM_INFINITY))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
with tempfile.TemporaryFile() as f:
    f.write(b"x" * (8 << 20))
