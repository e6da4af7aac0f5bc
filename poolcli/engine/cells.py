"""Which cell is where: positions of cells and windows, and the NaN that may not be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from poolcli.engine.arrays import Array, Box, Buffers, Range, Source
from poolcli.engine.job import Job
from poolcli.errors import InputError
from poolcli.windows import Windows

PIECE_BYTES = 1 << 20
"""How much of a window is read at a time where a window can be larger than memory."""


def linear_places(coefficients: tuple[int, ...], box: Box) -> Array:
    """Σ coefficient · coordinate for every cell of a box; broadcasts to the box."""
    total = np.zeros((1,) * len(box), np.int64)
    for axis, (coefficient, (low, high)) in enumerate(zip(coefficients, box, strict=True)):
        along = np.arange(low, high, dtype=np.int64) * coefficient
        total = total + along.reshape(-1, *[1] * (len(box) - axis - 1))
    return total


class NanFound(InputError):
    """A NaN where none is allowed; ``place`` is its position in the engine's view."""

    def __init__(self, place: tuple[int, ...]) -> None:
        super().__init__("NaN found")
        self.place = place


def refuse_nan(
    job: Job, lead: tuple[Range, ...], windows: tuple[Windows, ...], results: Array
) -> None:
    """Raise NanFound for the first of these windows that holds a NaN, where the job refuses it.

    Every op answers NaN to a NaN, so only windows with such a result are looked into; infinities
    can give one too.
    """
    if not job.refuse_nan:
        return
    for index in np.argwhere(np.isnan(results)):
        at = [int(i) for i in index]
        one = [w.part(i, i + 1) for w, i in zip(windows, at[job.lead :], strict=False)]
        lead_box = [(low + i, low + i + 1) for (low, _), i in zip(lead, at, strict=False)]
        inner = [(i, i + 1) for i in at[job.lead + len(one) :]]
        box = (*lead_box, *(w.real_span(0) for w in one), *inner)
        steps = (*(1 for _ in lead), *(w.dilation for w in one), *(1 for _ in inner))
        found = [_first_nan(job, part, steps) for part in cut_box(job.source, box, steps, len(box))]
        places = [place for place in found if place is not None]
        if places:
            raise NanFound(min(places))


def _first_nan(job: Job, box: Box, steps: tuple[int, ...]) -> tuple[int, ...] | None:
    cells = job.source.read(box, Buffers())[tuple(slice(None, None, step) for step in steps)]
    nan = np.argwhere(np.isnan(cells))
    if not len(nan):
        return None
    return tuple(low + int(i) * step for (low, _), i, step in zip(box, nan[0], steps, strict=True))


def cut_box(source: Source, box: Box, steps: tuple[int, ...], outer: int) -> Iterator[Box]:
    """Parts of a box of about ``PIECE_BYTES``, cut along some of the first ``outer`` axes.

    Axes are cut from the one that is slowest in memory; parts begin at multiples of ``steps`` from
    the box's own beginning.
    """
    extents = [high - low for low, high in box]
    nbytes = math.prod(extents) * source.dtype.itemsize
    long = [axis for axis in source.slow_first if axis < outer and extents[axis] > steps[axis]]
    if nbytes <= PIECE_BYTES or not long:
        yield box
        return
    axis = long[0]
    step = max(1, PIECE_BYTES * extents[axis] // nbytes // steps[axis]) * steps[axis]
    low, high = box[axis]
    for start in range(low, high, step):
        part = (start, min(start + step, high))
        yield from cut_box(source, (*box[:axis], part, *box[axis + 1 :]), steps, outer)
