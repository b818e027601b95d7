# SPDX-License-Identifier: MIT
"""Keras with its torch backend."""
import keras_training

keras_training.main("torch")
