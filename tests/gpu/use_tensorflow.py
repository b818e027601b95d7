# SPDX-License-Identifier: MIT
"""usage: use_tensorflow.py probe | healthy | exhaust | growing"""
import os
import sys

what = sys.argv[1]
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
if what == "growing":
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
import tensorflow

if what == "probe":
    print(tensorflow.__version__)
    try:
        print(tensorflow.config.list_physical_devices("GPU"))
        with tensorflow.device("/GPU:0"):
            print(tensorflow.constant([1.0]).device)
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
elif what == "healthy":
    with tensorflow.device("/GPU:0"):
        print(float(tensorflow.reduce_sum(tensorflow.ones((100, 100)))))
else:
    with tensorflow.device("/GPU:0"):
        kept = [tensorflow.zeros(256 << 20, dtype=tensorflow.uint8) for _ in range(10000)]
