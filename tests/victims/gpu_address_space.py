# SPDX-License-Identifier: MIT
"""cuInit reserves 32 GiB of address space under a limit of 8 GiB."""
import resource
import lib_gpu

resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
lib_gpu.Driver().start()
