"""An array of any layout as captioned 2-D planes: what fits on a page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SPATIAL = "DHW"
NAMES = {"N": "batch", "C": "channel", "D": "depth"}
# What the rows are where they are not the rows of a picture, by the letters on the page.
ROWS = {
    "NC": "a row for each of the batch, a column for each channel",
    "NW": "a row for each of the batch",
    "CW": "a row for each channel",
}


def rows_and_columns(layout: str, shape: tuple[int, ...]) -> str:
    """Return the letters of the one or two axes to lay out on the page, rows first.

    The spatial plane HW as a rule, wherever it stands in the layout. Where there is no plane
    (one spatial axis, or one value per channel), channels or the batch take the rows.

    >>> rows_and_columns("NCHW", (2, 8, 14, 14)), rows_and_columns("NHWC", (2, 1, 1, 64))
    ('HW', 'NC')
    """
    sizes = dict(zip(layout, shape, strict=True))
    if any(sizes[letter] > 1 for letter in layout if letter in SPATIAL):
        wanted = ["HW", "CW", "NW", "W"]
    else:
        wanted = ["NC", "C", "N", "HW", "W"]
    return next((pair for pair in wanted if set(pair) <= set(layout)), "")


def count_planes(layout: str, shape: tuple[int, ...]) -> int:
    """Return how many planes :func:`planes` yields."""
    page = rows_and_columns(layout, shape)
    return math.prod(n for a, n in zip(layout, shape, strict=True) if a not in page)


def planes(array: NDArray[Any], layout: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield ``(caption, plane)`` for each 2-D plane of ``array``, views in layout order."""
    page = rows_and_columns(layout, array.shape)
    rest = [axis for axis, letter in enumerate(layout) if letter not in page]
    moved = array.transpose([*rest, *(layout.index(letter) for letter in page)])
    sizes = [array.shape[axis] for axis in rest]
    for index in np.ndindex(*sizes):
        caption = [
            f"{NAMES[layout[axis]]} {i} of {n}"
            for axis, i, n in zip(rest, index, sizes, strict=True)
            if n > 1
        ]
        if page in ROWS:
            caption.append(ROWS[page])
        yield ", ".join(caption), np.atleast_2d(moved[index])
