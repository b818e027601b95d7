# SPDX-License-Identifier: MIT
"""Shared by train_keras_*.py: a small convolutional network is trained, saved and loaded again with Keras' backend of that name."""
import os
import sys


def main(backend):
    os.environ.update(KERAS_BACKEND=backend, TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
    import keras
    import numpy as np
    print(keras.backend.backend())
    keras.utils.set_random_seed(9)
    r = np.random.default_rng(9)
    x, y = r.normal(size=(256, 12, 12, 1)).astype("float32"), r.integers(0, 3, 256)
    model = keras.Sequential([keras.Input((12, 12, 1)), keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.MaxPooling2D(),
                              keras.layers.Flatten(), keras.layers.Dropout(0.2), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, epochs=3, batch_size=32, verbose=0)
    print({k: [round(float(v), 2) for v in vs] for k, vs in history.history.items()})
    model.save("model.keras")
    same = keras.models.load_model("model.keras")
    print(bool(np.allclose(model.predict(x, verbose=0), same.predict(x, verbose=0), atol=1e-5)))
    sys.stdout.flush()
