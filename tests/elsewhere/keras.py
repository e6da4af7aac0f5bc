"""Keras's layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A layer of that name; arrays have their channels last. Its threads are TensorFlow's."""
    import keras

    layer = getattr(keras.layers, function)(**args)
    return lambda: layer(x)
