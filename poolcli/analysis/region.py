"""Which part of a picture is shown where its outputs are too many to be seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Part = tuple[slice, slice]
"""Rows and columns."""

MOST_PARTS = 24  # along an axis, of which one is chosen


def strongest_part(
    outputs: Sequence[int], most: Sequence[int], cells: Callable[[Part], NDArray[Any]]
) -> Part:
    """Return the rows and columns of outputs, at most so many, that there is most to see in.

    ``outputs``: how many rows and columns of them there are. ``cells`` gives what is there in a
    part: (rows, columns) or (rows, columns, channels), whose strong steps from cell to cell count
    more than many small ones; the part with most of them is where pooling changes most.

    >>> edge = np.repeat([[0, 0, 0, 0, 9, 9]], 6, axis=0)
    >>> strongest_part((6, 6), (2, 2), lambda part: edge[part])
    (slice(0, 2, None), slice(3, 5, None))
    """
    starts = [
        range(0, max(1, out - wanted + 1), max(1, wanted // 4, (out - wanted) // MOST_PARTS))
        for out, wanted in zip(outputs, most, strict=True)
    ]
    rows, columns = (
        [slice(start, min(start + wanted, out)) for start in some]
        for some, wanted, out in zip(starts, most, outputs, strict=True)
    )
    return max(itertools.product(rows, columns), key=lambda part: _detail(cells(part)))


def _detail(picture: NDArray[Any]) -> float:
    """How much there is to see."""
    grey = picture.mean(axis=2, dtype=np.float64) if picture.ndim == 3 else picture
    with np.errstate(over="ignore", invalid="ignore"):
        steps = (np.diff(grey.astype(np.float64), axis=axis).ravel() for axis in (0, 1))
        return sum(float(np.square(some).sum()) for some in map(_finite, steps))


def _finite(steps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Steps between numbers; those to what is missing are none."""
    known = np.isfinite(steps)
    return steps if known.all() else steps[known]
