"""Arrays of dask: results are lazy, chunk by chunk.

A chunk of the result is made of the windows that begin in one chunk of the input, and reads what
these reach into the next ones. Its values are those of one plan for the whole array, so that they
do not hang on the chunks.
"""

from __future__ import annotations

import itertools
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.arrays import Box, Range
from poolcli.engine.native import covered_cells
from poolcli.errors import InputError
from poolcli.interop.asked import Asked, Results
from poolcli.interop.doors import Door
from poolcli.operation import OperationPlan
from poolcli.ops import find_op
from poolcli.plan import Plan, winner_of
from poolcli.windows import Windows


@dataclass(frozen=True)
class Held:
    """Some cells of an array as if they were all: a source of boxes that lie within them."""

    shape: tuple[int, ...]
    cells: NDArray[Any]
    low: tuple[int, ...]
    """Where in the array they begin."""
    sequential: bool = False
    chunks: tuple[int, ...] | None = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the cells."""
        return self.cells.dtype

    @property
    def axes(self) -> tuple[int, ...]:
        """All in their own order."""
        return tuple(range(len(self.shape)))

    def keep(self, nbytes: int) -> None:
        """All of it is in memory."""

    def read_box(self, box: Box, out: NDArray[Any]) -> None:
        """Fill ``out`` with the cells of the box."""
        starts = zip(box, self.low, strict=True)
        out[...] = self.cells[tuple(slice(a - low, b - low) for (a, b), low in starts)]

    def finish(self) -> None:
        """Nothing is left to do."""


@dataclass(frozen=True)  # of a tuple dask would make a task
class Part:
    """What one chunk of the result is made by: windows along spatial axes, and some of the others.

    ``low`` is where the cells that it gets begin along each axis of the array.
    """

    plan: Plan
    windows: tuple[Range, ...]
    low: tuple[int, ...]
    with_indices: bool

    def __call__(self, nested: Any) -> NDArray[Any]:
        """The results of cells that come in nested lists of pieces."""
        cells = np.block(nested) if isinstance(nested, list) else nested
        plan = self.plan.part(*zip(*self.windows, strict=True))
        source = Held(self.plan.input_shape, np.ascontiguousarray(cells), self.low)
        return plan.winners(source) if self.with_indices else plan.run(source)


class DaskDoor(Door):
    """Nothing is computed before the result is."""

    def pool(self, x: Any, asked: Asked) -> Results:
        """A lazy array, or a pair with one of the indices."""
        if np.isnan(x.shape).any():
            raise InputError("x has chunks of unknown sizes; hand over x.compute_chunk_sizes()")
        if asked.with_indices:
            winner_of(asked.request.op)  # or refuse before anything is computed
        seen = asked.seen(x)
        result = asked.back(_lazy(seen, asked, with_indices=False))
        if not asked.with_indices:
            return result
        return result, asked.back(_lazy(seen, asked, with_indices=True))

    def apply(self, x: Any, plan: Callable[..., OperationPlan]) -> Any:
        """A lazy array in one chunk: stages and levels are computed at once."""
        import dask
        import dask.array

        planned = plan(x.shape, x.dtype)
        later = dask.delayed(planned.run, pure=True)(x)
        return dask.array.from_delayed(later, planned.output_shape, planned.output_dtype)


def _lazy(x: Any, asked: Asked, *, with_indices: bool) -> Any:
    import dask.array
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    whole = asked.plan(x.shape, x.dtype)
    spatial = [axis for axis, letter in enumerate(whole.layout) if letter in "DHW"]
    request = asked.request
    counts = find_op(request.op).odds is not None or request.nan == "error" or with_indices
    if counts or request.mask is not None or request.weights is not None:
        # Draws, masks and the positions of winners and of NaN are about batches and channels, too.
        x = x.rechunk({axis: -1 for axis in range(x.ndim) if axis not in spatial})
    starts = [_starts(lengths) for lengths in x.chunks]
    along: list[list[tuple[Range, Range]]] = [
        [(ends, ends) for ends in itertools.pairwise(bounds)] for bounds in starts
    ]
    for axis, w in zip(spatial, whole.windows, strict=True):
        along[axis] = _parts(w, starts[axis], mirrors=whole.kernel.mirrors)
    kept = [axis for axis, letter in enumerate(whole.layout) if letter in whole.output_layout]
    name = f"poolcli-{tokenize(x, asked.request, asked.where, with_indices)}"
    graph = {}
    for place in itertools.product(*(range(len(parts)) for parts in along)):
        chosen = [parts[i] for parts, i in zip(along, place, strict=True)]
        boxes = [box for _, box in chosen]
        shape = tuple(
            n if axis in spatial else boxes[axis][1] - boxes[axis][0]
            for axis, n in enumerate(x.shape)
        )
        low = tuple(box[0] if axis in spatial else 0 for axis, box in enumerate(boxes))
        part = Part(
            asked.plan(shape, x.dtype),
            tuple(chosen[axis][0] for axis in spatial),
            low,
            with_indices,
        )
        key = (name, *(place[axis] for axis in kept))
        graph[key] = (part, _pieces(x.name, starts, boxes, ()))
    chunks = tuple(tuple(stop - first for (first, stop), _ in along[axis]) for axis in kept)
    dtype = np.dtype(np.int64) if with_indices else whole.output_dtype
    layers = HighLevelGraph.from_collections(name, graph, dependencies=[x])
    return dask.array.Array(layers, name, chunks, dtype=dtype)


def _starts(lengths: Sequence[int]) -> list[int]:
    """Where chunks begin, and where the last one ends."""
    return [0, *itertools.accumulate(lengths)]


def _parts(w: Windows, bounds: Sequence[int], *, mirrors: bool) -> list[tuple[Range, Range]]:
    """The windows that begin in each chunk, where any do, and the cells that these need."""
    begins = [max(0, start) for start in w.starts]
    firsts = [bisect_left(begins, bound) for bound in bounds[:-1]]
    parts = []
    for first, stop in itertools.pairwise([*firsts, w.out]):
        if first < stop:
            parts.append(((first, stop), covered_cells(w, first, stop, mirrors=mirrors)))
    return parts


def _pieces(
    name: str, starts: Sequence[Sequence[int]], boxes: Sequence[Range], place: tuple[int, ...]
) -> Any:
    """The chunks that a box lies in, cut to it, in nested lists as ``numpy.block`` wants them."""
    axis = len(place)
    if axis < len(boxes):
        low, high = boxes[axis]
        first = bisect_right(starts[axis], low) - 1
        stop = bisect_left(starts[axis], high)
        chunks = range(first, max(stop, first + 1))
        return [_pieces(name, starts, boxes, (*place, i)) for i in chunks]
    cuts = tuple(
        slice(max(0, low - starts[axis][i]), high - starts[axis][i])
        for axis, (i, (low, high)) in enumerate(zip(place, boxes, strict=True))
    )
    return (operator.getitem, (name, *place), cuts)


DOOR = DaskDoor()
