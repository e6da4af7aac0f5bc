"""Number types by name, and values that have to be of one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from poolcli.errors import InputError, UsageError


def as_cell(value: float, dtype: np.dtype[Any], what: str) -> Any:
    """``nodata`` as a value of ``dtype``: the nearest float, or exactly an integer."""
    native = dtype.newbyteorder("=")
    if native.kind == "f":
        return native.type(value)
    low, high = (0, 1) if native.kind == "b" else (np.iinfo(native).min, np.iinfo(native).max)
    if not (math.isfinite(value) and value == int(value) and low <= int(value) <= high):
        raise InputError(f"nodata {value:g} is no value of the {what}'s dtype {native}")
    return native.type(int(value))


def number_type(name: DTypeLike) -> np.dtype[Any]:
    """A dtype of numbers, or a UsageError that lists some.

    >>> number_type("uint8")
    dtype('uint8')
    """
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        raise UsageError(
            f"dtype {name!r} is unknown; use bool, int8 … uint64, float16 … float64"
        ) from None
    if dtype.kind not in "biuf":
        raise UsageError(f"dtype {name!r}: results are bool, integers or floats")
    return dtype
