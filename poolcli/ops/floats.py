"""The float types that real-valued ops compute and answer in."""

from __future__ import annotations

from typing import Any

import numpy as np


def real_result(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of a real-valued result: that of floats stays, all others become float64."""
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


def wide_float(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A float type to compute in: float64, or what is wider already."""
    return np.result_type(real_result(dtype), np.float64)
