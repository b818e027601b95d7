# SPDX-License-Identifier: MIT
"""A forked worker uses the GPU that its parent has initialised."""
import os
import sys
import lib_gpu

gpu = lib_gpu.Driver().start()
pid = os.fork()
if pid == 0:
    try:
        gpu.info()
    except lib_gpu.CudaError as e:
        print(e, file=sys.stderr)
        os._exit(1)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
