"""What the public functions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolcli.plan import Request

PerAxis = int | Sequence[int]


def per_axis(value: PerAxis) -> int | tuple[int, ...]:
    """A sequence as a tuple, anything else as it is: the geometry checks it."""
    return tuple(value) if isinstance(value, (Sequence, np.ndarray)) else value


def run(request: Request, x: ArrayLike, out: NDArray[Any] | None) -> NDArray[Any]:
    """Pool one array as requested."""
    array = np.asarray(x)
    return request.plan(array.shape, array.dtype).run(array, out)
