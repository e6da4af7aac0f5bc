"""Windows whose cells stand side by side, for ops that are NumPy functions of them.

Along each axis an index array says which cell stands at which place of which window; there is no
loop over windows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.engine.arrays import Array, Buffers, Range
from poolcli.engine.kernels import Gathered
from poolcli.engine.native import Missing
from poolcli.windows import Windows

if TYPE_CHECKING:
    from poolcli.engine.worker import Task

# Gathered cells with their marks, and what becomes of them while a function sorts or weighs them.
COPIES = 6


def pool_gathered(
    kernel: Gathered,
    cells: Array,
    out: Array,
    windows: Sequence[Windows],
    ranges: Sequence[Range],
    held: Sequence[int],
    lead: int,
    missing: Missing | None,
) -> None:
    """Pool the windows ``ranges`` of ``cells``, which begin at ``held``, into ``out``.

    ``out`` has the op's own dtype.
    """
    taken, valid = _side_by_side(cells, windows, ranges, held, lead)
    short = None
    if missing is not None:
        real = valid.sum(axis=0, dtype=np.int64)
        valid = valid & ~missing.mask(taken)
        short = missing.short(valid.sum(axis=0, dtype=np.int64), real)
    with np.errstate(all="ignore"):
        out[...] = kernel.function(taken, valid)
    if out.dtype.kind == "f":
        if taken.dtype.kind == "f":
            out[(np.isnan(taken) & valid).any(axis=0)] = np.nan
        out[np.isnan(out)] = np.nan  # which of several NaNs it is should not show
    if missing is not None and short is not None:
        out[short] = missing.fill


def positions_of(task: Task, results: Array) -> Array:
    """The number of the first cell of each window that is nearest to its result; −1: none counts.

    ``results`` are of the task's windows and have the axes of its source, of which so much is read
    as they need.
    """
    lead = task.lead
    box = [(0, n) for n in task.source.shape]
    for axis, (w, (first, stop)) in enumerate(zip(task.windows, task.ranges, strict=True), lead):
        low = min(max(0, w.starts[first]), w.n - 1)
        box[axis] = low, max(low + 1, min(w.n, w.end(stop - 1)))
    held = [low for low, _ in box[lead : lead + len(task.windows)]]
    cells = task.source.read(tuple(box), Buffers())
    taken, valid = _side_by_side(cells, task.windows, task.ranges, held, lead)
    places = np.zeros(cells.shape, np.int64)
    for axis, coefficient in enumerate(task.cell_coefs):
        first = held[axis - lead] if lead <= axis < lead + len(task.windows) else 0
        along = np.arange(first, first + cells.shape[axis], dtype=np.int64) * coefficient
        places += along.reshape(-1, *[1] * (cells.ndim - axis - 1))
    numbers, _ = _side_by_side(places, task.windows, task.ranges, held, lead)
    if task.missing is not None:
        valid = valid & ~task.missing.mask(taken)
    found = (taken == results) & valid
    if taken.dtype.kind == "f":
        nan = np.isnan(taken) & valid
        found = np.where(nan.any(axis=0), nan, found)
    # What is no cell's value, such as a negative one that counts as 0, is as good as any.
    found = np.where(found.any(axis=0), found, valid)
    first = np.where(found, numbers, np.iinfo(np.int64).max).min(axis=0)
    return np.asarray(np.where(found.any(axis=0), first, -1))


def gathered_bytes(windows: Sequence[Windows], itemsize: int) -> int:
    """About how much memory one window takes."""
    cells = math.prod(min(w.largest, w.n) for w in windows)
    return cells * (COPIES * itemsize + 8)


def _side_by_side(
    cells: Array,
    windows: Sequence[Windows],
    ranges: Sequence[Range],
    held: Sequence[int],
    lead: int,
) -> tuple[Array, Array]:
    """The cells with the places of a window along the first axis, and which of them count."""
    axes = [
        _indices(w.part(*part), low) for w, part, low in zip(windows, ranges, held, strict=True)
    ]
    for number, (index, _) in reversed(list(enumerate(axes))):
        place = lead + number
        taken = np.take(cells, index.reshape(-1), axis=place)
        cells = taken.reshape(*cells.shape[:place], *index.shape, *cells.shape[place + 1 :])
    # Now each spatial axis is (window, place in the window): the places go to the front.
    count = len(axes)
    places = [lead + 2 * number + 1 for number in range(count)]
    cells = np.moveaxis(cells, places, range(count))
    valid: Any = np.ones((1,) * cells.ndim, bool)
    for number, (_, real) in enumerate(axes):
        shape = [1] * cells.ndim
        shape[number], shape[count + lead + number] = real.shape[1], real.shape[0]
        valid = valid & real.T.reshape(shape)
    valid = np.broadcast_to(valid, cells.shape)
    after = cells.shape[count:]
    return cells.reshape(-1, *after), valid.reshape(-1, *after)


def _indices(w: Windows, held: int) -> tuple[Array, Array]:
    """For each window and place the cell, counted from ``held``, and whether there is one.

    Only of the real cells of a window: its padding may be as large as it likes.
    """
    starts = np.array(w.starts, np.int64)[:, None]
    sizes = np.broadcast_to(np.array(w.sizes, np.int64).reshape(-1, 1), starts.shape)
    first = np.maximum(0, -(starts // w.dilation))
    last = np.minimum(sizes - 1, (w.n - 1 - starts) // w.dilation)
    counts = last - first + 1
    numbers = np.arange(counts.max(), dtype=np.int64)[None, :]
    real = numbers < counts
    index = starts + (first + numbers) * w.dilation
    # Places that hold no cell point at some cell; the marks say that it does not count.
    return np.where(real, index - held, index.min(where=real, initial=w.n) - held), real
