"""Reading the cells of one block: native byte order, memory running along the last axis."""

from __future__ import annotations

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.job import Job, Range
from poolcli.errors import InputError
from poolcli.windows import Windows


class CellReader:
    """Reads boxes of cells of one job's source."""

    def __init__(self, job: Job, buffers: Buffers) -> None:
        self.job, self.buffers = job, buffers
        self._copies = not job.source.dtype.isnative or _inner_is_strided(job.source)

    def read(self, lead: tuple[Range, ...], spans: tuple[Range, ...]) -> Array:
        """The cells of these lead and spatial ranges; a view of the source where that will do."""
        box = (*lead, *spans)
        cells = self.job.source[tuple(slice(*part) for part in box)]
        if self._copies:
            native = self.buffers.take("cells", cells.shape, cells.dtype.newbyteorder("="))
            native[...] = cells
            cells = native
        return cells


class NanFound(InputError):
    """A NaN where none is allowed; ``place`` is its position in the engine's view."""

    def __init__(self, place: tuple[int, ...]) -> None:
        super().__init__("NaN found")
        self.place = place


def refuse_nan(
    job: Job, lead: tuple[Range, ...], windows: tuple[Windows, ...], results: Array
) -> None:
    """Raise NanFound for the first of these windows that holds a NaN.

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
        nan = np.argwhere(np.isnan(job.source[np.ix_(*axes)]))
        if len(nan):
            raise NanFound(tuple(axis[i] for axis, i in zip(axes, nan[0], strict=True)))


def linear_places(coefficients: tuple[int, ...], box: tuple[Range, ...]) -> Array:
    """Σ coefficient · coordinate for every cell of a box; broadcasts to the box."""
    total = np.zeros((1,) * len(box), np.int64)
    for axis, (coefficient, (low, high)) in enumerate(zip(coefficients, box, strict=True)):
        along = np.arange(low, high, dtype=np.int64) * coefficient
        total = total + along.reshape(-1, *[1] * (len(box) - axis - 1))
    return total


def _inner_is_strided(array: Array) -> bool:
    """Whether memory runs along another axis than the last, so that blocks are better copied."""
    strides = [abs(s) for s, n in zip(array.strides, array.shape, strict=True) if n > 1]
    return bool(strides) and strides[-1] > min(strides)
