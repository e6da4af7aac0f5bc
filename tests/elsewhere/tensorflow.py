"""TensorFlow's own poolings."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A function of ``tf.nn``; how many threads it uses cannot be changed once it has begun."""
    import tensorflow

    pool = getattr(tensorflow.nn, function)
    return lambda: tuple(pool(x, **args))
