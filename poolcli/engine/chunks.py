"""Stored arrays that are decoded chunk by chunk, and blocks that are made of whole chunks."""

from __future__ import annotations

import itertools
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.arrays import Array, Box
from poolcli.windows import Windows

# Less than one in so many chunks is rather decoded twice than a row of blocks kept that takes more
# than these bytes.
_FEW, _LITTLE = 6, 1 << 25

Place = tuple[int, ...]


class ChunkedInput:
    """An array whose chunks are decoded when cells of them are wanted: a StoredInput.

    ``decode(place)`` gives the chunk at a place of the grid, ``(0, 0)`` for the first: an array of
    this dtype whose axes are those of ``shape``, and that has at least the cells of the chunk that
    lie in the array. It is called by several threads at a time, never by two for the same chunk.
    What it gives is kept, the last used longest, as far as ``keep`` says and ``most_bytes`` allows.

    ``axes[i]`` is the stored axis of the array's axis i.
    """

    sequential = False

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        chunks: tuple[int, ...],
        decode: Callable[[Place], Array],
        *,
        axes: tuple[int, ...] | None = None,
        most_bytes: int | None = None,
    ) -> None:
        self.shape, self.dtype, self.chunks = shape, dtype, chunks
        self.axes = tuple(range(len(shape))) if axes is None else axes
        self._decode, self._most = decode, most_bytes
        self._kept: OrderedDict[Place, _Chunk] = OrderedDict()
        self._lock = threading.Lock()
        self._room = 0

    def keep(self, nbytes: int) -> None:
        """Keep so many bytes of chunks, which are wanted again."""
        self._room = nbytes if self._most is None else min(nbytes, self._most)

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out``, of the box's shape and this dtype. Raises what ``decode`` does."""
        for place in touched(box, self.chunks):
            chunk = self._chunk(place)
            to, of = [], []
            for i, step, (low, high) in zip(place, self.chunks, box, strict=True):
                first, last = max(low, i * step), min(high, (i + 1) * step)
                to.append(slice(first - low, last - low))
                of.append(slice(first - i * step, last - i * step))
            out[tuple(to)] = chunk[tuple(of)]

    def finish(self) -> None:
        """Forget the chunks."""
        with self._lock:
            self._kept.clear()

    def _chunk(self, place: Place) -> Array:
        with self._lock:
            found = self._kept.get(place)
            is_new = found is None
            if found is None:
                found = self._kept[place] = _Chunk()
            else:
                self._kept.move_to_end(place)
        if not is_new:
            return found.wait()
        try:
            array = self._decode(place)
        except BaseException as error:
            with self._lock:
                self._kept.pop(place, None)
            found.fail(error)
            raise
        found.give(array)
        self._shrink()
        return array

    def _shrink(self) -> None:
        with self._lock:
            over = sum(chunk.nbytes for chunk in self._kept.values()) - self._room
            for place in [*self._kept] if over > 0 else ():
                chunk = self._kept[place]
                if chunk.nbytes:  # not one that is still being decoded
                    del self._kept[place]
                    over -= chunk.nbytes
                    if over <= 0:
                        return


class _Chunk:
    """A chunk that one thread decodes and others may wait for."""

    def __init__(self) -> None:
        self._ready = threading.Event()
        self._array: Array | None = None
        self._error: BaseException | None = None
        self.nbytes = 0

    def give(self, array: Array) -> None:
        self._array, self.nbytes = array, array.nbytes
        self._ready.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._ready.set()

    def wait(self) -> Array:
        self._ready.wait()
        if self._array is None:
            assert self._error is not None
            raise self._error
        return self._array


@dataclass(frozen=True)
class Outline:
    """A stored array of which only the outline is known, to plan for: a StoredInput and -Output."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    sequential: bool = False

    @property
    def axes(self) -> tuple[int, ...]:
        """In their own order."""
        return tuple(range(len(self.shape)))

    def read_box(self, box: Box, out: Array) -> None:
        """There is nothing to read."""
        raise NotImplementedError

    def write_box(self, box: Box, values: Array) -> None:
        """There is nowhere to write."""
        raise NotImplementedError

    def keep(self, nbytes: int) -> None:
        """There is nothing to keep."""

    def finish(self) -> None:
        """Nothing is left to do."""

    def complete(self) -> None:
        """Nothing is left to do."""


def touched(box: Box, chunks: tuple[int, ...]) -> Iterator[Place]:
    """The places of the chunks that a box has cells of, in C order.

    >>> list(touched(((0, 4), (3, 5)), (4, 4)))
    [(0, 0), (0, 1)]
    """
    if any(low >= high for low, high in box):
        return iter(())
    grid = [
        range(low // step, -(-high // step)) for (low, high), step in zip(box, chunks, strict=True)
    ]
    return itertools.product(*grid)


class Along(NamedTuple):
    """One axis as blocks go along it: cells, results, and the chunks of both; 1 where none.

    ``stride`` is the step from the first cell of a result to that of the next, ``reach`` the cells
    of one, and ``first`` the first cell of all, which may be padding.
    """

    n: int
    out: int
    stride: int = 1
    reach: int = 1
    first: int = 0
    read: int = 1
    written: int = 1

    @property
    def step(self) -> int:
        """The fewest results that make whole chunks of results, and take whole chunks of cells."""
        results = -(-self.read // self.stride)
        return max(1, min(self.out, self.written * -(-results // self.written)))

    def cells(self, results: int) -> int:
        """How many cells neighbouring results take, to the borders of chunks."""
        cells = min(self.n, max(0, (results - 1) * self.stride) + self.reach)
        whole = -(-cells // self.read) * self.read
        aligned = self.first % self.read == 0 and results * self.stride % self.read == 0
        return min(self.n, whole if aligned or self.read == 1 else whole + self.read)

    def shares(self, results: int) -> bool:
        """Whether a chunk of cells is wanted by two blocks of so many results."""
        if results >= self.out:
            return False
        meets = results * self.stride % self.read or self.first % self.read
        return bool(meets and self.read > 1) or self.reach > self.stride


def whole_chunks(
    axes: Sequence[Along], slow_first: Sequence[int], inner_bytes: int, block_bytes: int
) -> tuple[int, ...]:
    """How many results along each axis a block of whole chunks takes.

    It goes on along the axes that are fastest in memory up to about ``block_bytes`` of cells.
    """
    steps = [axis.step for axis in axes]
    for number in reversed([axis for axis in slow_first if axis < len(axes)]):
        axis = axes[number]
        nbytes = inner_bytes * math.prod(a.cells(s) for a, s in zip(axes, steps, strict=True))
        times = max(1, block_bytes // max(1, nbytes))
        steps[number] = min(axis.out, steps[number] * times)
        if steps[number] < axis.out:
            break
    return tuple(steps)


def wanted_again(
    axes: Sequence[Along], steps: Sequence[int], lead: int, inner_bytes: int, threads: int
) -> int:
    """How many bytes of chunks are read before the first of them is wanted for the last time.

    Blocks come in C order of their results. Inside of one, and of a window that is seen in pieces,
    a slab of one chunk along the first spatial axis is read over and over.
    """
    if all(axis.read == 1 for axis in axes):
        return 0
    one = [axis.cells(step) for axis, step in zip(axes, steps, strict=True)]
    every = [axis.cells(axis.out) for axis in axes]
    again = 0
    for number, axis in enumerate(axes):
        if axis.shares(steps[number]):
            row = math.prod(one[: number + 1]) * math.prod(every[number + 1 :])
            step = steps[number] * axis.stride
            few = (one[number] - step) * _FEW <= step
            if not few or row * inner_bytes <= _LITTLE:
                again = max(again, row + math.prod(one))
    slab = list(one)
    slab[lead] = min(one[lead], 2 * axes[lead].read)
    behind = 1 if threads == 1 else 2 * threads  # while a thread waits the others go on
    return inner_bytes * (again + behind * math.prod(slab))


def along_lead(n: int, read: int, written: int) -> Along:
    """An axis that is not pooled over."""
    return Along(n, n, read=min(read, n), written=min(written, n))


def along_windows(w: Windows, read: int, written: int) -> Along:
    """An axis of windows."""
    low, high = w.span(0, 1)
    even = isinstance(w.starts, range) and w.out > 1
    stride = w.starts.step if isinstance(w.starts, range) and even else max(1, w.n // w.out)
    reach = max(high - low, (w.largest - 1) * w.dilation + 1)
    return Along(w.n, w.out, stride, min(w.n, reach), low, min(read, w.n), min(written, w.out))
