"""Which cell is where: positions of cells and windows, and the NaN that may not be."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.job import Job
from poolcli.engine.storage import Box, Range, Source
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
    job: Job,
    lead: tuple[Range, ...],
    windows: tuple[Windows, ...],
    results: Array,
    short: Array | None = None,
    *,
    everywhere: bool = False,
) -> None:
    """Raise NanFound for the first NaN in these windows, where the job refuses it.

    Most results show whether there was one. So cells are looked into only where one is NaN, which
    infinities can give too, where a window was too ``short`` for a result, or ``everywhere``, of an
    op that does not look at every cell.
    """
    if not job.refuse_nan:
        return
    unknown = everywhere or (short is not None and bool(short.any()))
    if not unknown and not np.isnan(results).any():
        return
    covered = [_covered(w) for w in windows]
    box = (*lead, *(_real_span(w) for w in windows), *((0, n) for n in job.inner))
    found = []
    for part in cut_box(job.source, box, (1,) * len(box), job.lead + len(windows)):
        cells = job.source.read(part, Buffers())
        nan = np.isnan(cells)
        for axis, along in enumerate(covered, job.lead):
            low, high = part[axis]
            nan &= along[low - box[axis][0] : high - box[axis][0]].reshape(
                -1, *[1] * (len(box) - axis - 1)
            )
        if nan.any():
            first = np.argwhere(nan)[0]
            found.append(tuple(low + int(i) for (low, _), i in zip(part, first, strict=True)))
    if found:
        raise NanFound(min(found))


def _real_span(w: Windows) -> Range:
    """From the first real cell of these windows to one past the last."""
    spans = [w.real_span(i) for i in range(w.out)]
    return min(low for low, _ in spans), max(high for _, high in spans)


def _covered(w: Windows) -> Array:
    """Which of the cells of the real span some window holds."""
    start, stop = _real_span(w)
    covered = np.zeros(stop - start, bool)
    for i in range(w.out):
        low, high = w.real_span(i)
        covered[low - start : high - start : w.dilation] = True
    return covered


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
