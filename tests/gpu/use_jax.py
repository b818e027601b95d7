# SPDX-License-Identifier: MIT
"""usage: use_jax.py probe | healthy | exhaust | growing"""
import os
import sys

what = sys.argv[1]
if what == "growing":
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
import jax
import numpy

if what == "probe":
    from jax._src import hardware_utils
    hardware_utils.has_visible_nvidia_gpu = lambda: True    # there is no /dev/nvidia0
    try:
        print(jax.devices())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
elif what == "healthy":
    print(jax.numpy.ones((100, 100)).sum(), jax.devices()[0].platform)
else:
    kept = [jax.device_put(numpy.ones(256 << 20, dtype=numpy.uint8)) for _ in range(10000)]
