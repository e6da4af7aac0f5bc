"""Which cell is where: positions of cells and windows, and the NaN that may not be."""

from __future__ import annotations

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.job import Job
from poolcli.engine.storage import Box, Range
from poolcli.errors import InputError
from poolcli.windows import Windows


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
        axes = [[low + i] for (low, _), i in zip(lead, at, strict=False)]
        axes += [w.cells(i) for w, i in zip(windows, at[job.lead :], strict=False)]
        axes += [[i] for i in at[len(axes) :]]
        corner = [axis[0] for axis in axes]
        box = tuple((axis[0], axis[-1] + 1) for axis in axes)
        cells = job.source.read(box, Buffers())
        inside = np.ix_(*([i - low for i in axis] for axis, low in zip(axes, corner, strict=True)))
        nan = np.argwhere(np.isnan(cells[inside]))
        if len(nan):
            raise NanFound(tuple(axis[i] for axis, i in zip(axes, nan[0], strict=True)))
