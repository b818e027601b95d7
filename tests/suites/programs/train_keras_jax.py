# SPDX-License-Identifier: MIT
"""Keras with its jax backend."""
import keras_training

keras_training.main("jax")
