"""What the public functions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.errors import UsageError
from poolcli.plan import Request

PerAxis = int | Sequence[int]


def per_axis(value: PerAxis) -> int | tuple[int, ...]:
    """A sequence as a tuple, anything else as it is: the geometry checks it."""
    return tuple(value) if isinstance(value, Sequence) else value


def number_type(dtype: DTypeLike | None) -> np.dtype[Any] | None:
    """``dtype`` as NumPy's, None for None."""
    try:
        return None if dtype is None else np.dtype(dtype)
    except TypeError:
        raise UsageError(f"dtype {dtype!r} is unknown to NumPy") from None


def run(request: Request, x: ArrayLike, out: NDArray[Any] | None) -> NDArray[Any]:
    """Pool one array as requested."""
    array = np.asarray(x)
    return request.plan(array.shape, array.dtype).run(array, out)
