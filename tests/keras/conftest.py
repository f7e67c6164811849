"""Comparisons with Keras on its JAX backend; where either is missing, nothing here is collected.

This folder has no __init__.py, and its files have names of their own: as a package it would be what `import keras`
finds, since pytest puts the folder above it on the path. As a mere folder it comes last, and has no origin.
"""

import importlib.util
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

_keras = importlib.util.find_spec("keras")
if _keras is None or _keras.origin is None or importlib.util.find_spec("jax") is None:
    collect_ignore_glob = ["test_*.py"]
