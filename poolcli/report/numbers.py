"""How numbers look in a column, and which of many are shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNIFICANT = 4
EXACT = 3  # averages of few whole numbers, such as 127.25, are shown as they are
Cell = Callable[[Any], str]


def cell_format(values: NDArray[Any]) -> Cell:
    """Return how to write any one of ``values`` so that a column of them lines up.

    Whole numbers are written whole, whatever their dtype. Other floats get as few decimals as
    show them exactly, or else about four significant digits of the largest; very large and very
    small ones are written with an exponent.
    """
    if values.dtype.kind != "f":
        return lambda value: str(int(value))
    finite = values[np.isfinite(values)]
    top = float(np.max(np.abs(finite))) if finite.size else 0.0
    if top >= 1e7 or 0 < top < 1e-4:
        return lambda value: _signless_zero(f"{value:.{SIGNIFICANT - 1}e}")
    decimals = _decimals(finite, top)
    return lambda value: _fixed(float(value), decimals)


def _decimals(finite: NDArray[Any], top: float) -> int:
    if top == 0:
        return 0
    enough = max(1, SIGNIFICANT - 1 - math.floor(math.log10(top)))
    with np.errstate(over="ignore", invalid="ignore"):  # float16 times 10**decimals
        for decimals in range(max(enough, EXACT) + 1):
            if np.array_equal(np.round(finite, decimals), finite):
                return decimals
    return enough


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if value and math.isfinite(value) and float(text) == 0:
        return f"{value:.0e}"  # a small number beside large ones is not a zero
    return _signless_zero(text)


def _signless_zero(text: str) -> str:
    return text.lstrip("-") if text.startswith("-") and not text.strip("-0.e+") else text


def pick(count: int, limit: int) -> list[int | None]:
    """Return which of ``count`` items to show in ``limit`` places; None stands for the gap.

    >>> pick(4, 4), pick(9, 4)
    ([0, 1, 2, 3], [0, 1, None, 8])
    """
    if count <= limit:
        return list(range(count))
    tail = (limit - 1) // 2
    head = limit - 1 - tail
    return [*range(head), None, *range(count - tail, count)]


def pick_around(count: int, limit: int, at: int) -> list[int | None]:
    """Return which of ``count`` items to show in ``limit`` places if ``at`` is to be among them.

    >>> pick_around(9, 4, 1), pick_around(9, 4, 5)
    ([0, 1, None, 8], [None, 4, 5, None])
    """
    usual = pick(count, limit)
    if at in usual:
        return usual
    inside = max(1, limit - 2)
    start = min(max(0, at - inside // 2), count - inside)
    before: list[int | None] = [None] if start else []
    after: list[int | None] = [None] if start + inside < count else []
    return [*before, *range(start, start + inside), *after]


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
