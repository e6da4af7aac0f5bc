"""What is compared in a preview: the outputs of one plane, and the cells that they came from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.arrays import Readable, read_part, shape_of
from poolcli.outcomes import Result
from poolcli.report.numbers import NAMES
from poolcli.report.pixels import first_frame
from poolcli.windows import Grid

Range = tuple[int, int]

MOST_READ = 1 << 25  # cells of a stored array, for one picture
MOST_SAMPLED = 64  # along an axis, to find the plane that varies most


class Before(NamedTuple):
    """The cells of a plane.

    ``read`` gives rows and columns of them as (height, width, channels); ``grids`` are those of the
    outputs' rows and columns over the cells. ``is_near``: they are in memory.
    """

    shape: tuple[int, int]
    grids: tuple[Grid, Grid]
    read: Callable[[Range, Range], NDArray[Any]]
    is_near: bool

    def can_read(self, rows: Range, columns: Range) -> bool:
        """Whether so many cells are soon read."""
        return self.is_near or math.prod(b - a for a, b in (rows, columns)) <= MOST_READ


class Compared(NamedTuple):
    """The outputs of one plane, (height, width, channels), and the cells before, if they are known.

    ``plane`` says which one it is, where there are several.
    """

    after: NDArray[Any]
    before: Before | None
    plane: str = ""


def picture_of(result: Result) -> Compared:
    """Return the first picture of a result, with its channels, and that of its input."""
    plan, source = result.plan, result.source
    after = first_frame(result.array, plan.output_layout)
    grids = _grids(result)
    if not isinstance(source, np.ndarray) or grids is None:
        return Compared(after, None)
    whole = first_frame(source, plan.layout)
    height, width = whole.shape[:2]
    before = Before((height, width), grids, lambda r, c: whole[slice(*r), slice(*c)], True)
    return Compared(after, before)


def plane_of(result: Result) -> Compared | None:
    """Return one plane of numbers, the one that varies most; None where there is no plane."""
    plan, source, array = result.plan, result.source, result.array
    layout, grids = plan.output_layout, _grids(result)
    if source is None or grids is None or not {"H", "W"} <= set(layout):
        return None
    at = _most_varied(array, layout)
    sizes = dict(zip(layout, array.shape, strict=True))
    said = [f"{NAMES[c]} {i} of {sizes[c]}" for c, i in at.items() if sizes[c] > 1]
    after = array[tuple(at.get(c, slice(None)) for c in layout)]
    after = after if layout.index("H") < layout.index("W") else after.T
    own = dict(at)
    shape = dict(zip(plan.layout, shape_of(source), strict=True))
    if "D" in own:
        grid = plan.grids["D"]
        own["D"] = min(max(0, math.floor(grid.origin + grid.step * own["D"])), shape["D"] - 1)
    read = _reader(source, plan.layout, own)
    before = Before((shape["H"], shape["W"]), grids, read, isinstance(source, np.ndarray))
    return Compared(after[..., np.newaxis], before, ", ".join(said))


def _grids(result: Result) -> tuple[Grid, Grid] | None:
    grids = result.plan.grids
    return (grids["H"], grids["W"]) if {"H", "W"} <= set(grids) else None


def _reader(
    source: Readable, layout: str, at: dict[str, int]
) -> Callable[[Range, Range], NDArray[Any]]:
    def read(rows: Range, columns: Range) -> NDArray[Any]:
        ranges = {"H": rows, "W": columns} | {c: (i, i + 1) for c, i in at.items()}
        cells = read_part(source, tuple(ranges[c] for c in layout))
        plane = cells[tuple(slice(None) if c in "HW" else 0 for c in layout)]
        plane = plane if layout.index("H") < layout.index("W") else plane.T
        return plane[..., np.newaxis]

    return read


def _most_varied(array: NDArray[Any], layout: str) -> dict[str, int]:
    """Return the index of the plane whose values differ most, for every axis but height and width.

    Of a batch the first is meant.
    """
    few = tuple(
        slice(1) if c == "N" else slice(None, None, max(1, n // MOST_SAMPLED) if c in "HW" else 1)
        for c, n in zip(layout, array.shape, strict=True)
    )
    sample = array[few].astype(np.float64)
    axes = tuple(i for i, c in enumerate(layout) if c in "HW")
    there = np.isfinite(sample)
    count = np.maximum(1, there.sum(axis=axes))
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.where(there, sample, 0.0)
        mean = values.sum(axis=axes) / count
        spread = (values**2).sum(axis=axes) / count - mean**2
    best = np.unravel_index(int(np.argmax(np.nan_to_num(spread))), spread.shape)
    return dict(zip((c for c in layout if c not in "HW"), map(int, best), strict=True))
