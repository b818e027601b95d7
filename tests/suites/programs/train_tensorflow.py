# SPDX-License-Identifier: MIT
"""TensorFlow on the CPU: a training step compiled by tf.function, a data set with threads, a saved model."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"        # its log lines have times and pids in them
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import numpy as np
import tensorflow as tf

tf.random.set_seed(8)
r = np.random.default_rng(8)
x = r.normal(size=(512, 10)).astype("float32")
y = x.sum(axis=1, keepdims=True)
w = tf.Variable(tf.zeros((10, 1)))


@tf.function
def step(a, b):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((a @ w - b) ** 2)
    w.assign_sub(0.05 * tape.gradient(loss, w))
    return loss


for epoch in range(4):
    for a, b in tf.data.Dataset.from_tensor_slices((x, y)).map(lambda p, q: (p * 1.0, q), num_parallel_calls=2).batch(64).prefetch(2):
        loss = step(a, b)
    print(epoch, f"{float(loss):.4f}")
print([d.device_type for d in tf.config.list_physical_devices()])
module = tf.Module()
module.w = w
tf.saved_model.save(module, "saved")
print(np.allclose(tf.saved_model.load("saved").w.numpy(), w.numpy()))
try:
    tf.matmul(x, x)
except tf.errors.InvalidArgumentError as e:
    print("refused", e.error_code)
