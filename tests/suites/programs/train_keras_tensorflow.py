# SPDX-License-Identifier: MIT
"""Keras with its tensorflow backend."""
import keras_training

keras_training.main("tensorflow")
