"""What the public functions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolcli.errors import InputError, UsageError
from poolcli.plan import Request

PerAxis = int | Sequence[int]


def per_axis(value: Any) -> int | tuple[int, ...]:
    """A sequence as a tuple, anything else as it is: the geometry checks it."""
    if isinstance(value, np.ndarray):
        return tuple(value) if value.ndim else value.item()
    # Of a text the characters would be taken, which is never what is meant.
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return tuple(value)
    number: int = value
    return number


def as_array(x: ArrayLike, what: str = "x") -> NDArray[Any]:
    """``x`` as a plain array.

    Raises UsageError where cells are masked, which a plain array cannot tell, and InputError for
    what is no array, such as lists of different lengths.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise UsageError(
            f"{what} has masked cells; fill them, and say with what: "
            "x.filled(np.nan) and nan='skip', or x.filled(-9) and nodata=-9"
        )
    try:
        return np.asarray(x)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{what}: NumPy makes no array of it: {error}") from error


def run(request: Request, x: ArrayLike, out: NDArray[Any] | None) -> NDArray[Any]:
    """Pool one array as requested."""
    array = as_array(x)
    return request.plan(array.shape, array.dtype).run(array, out)
