"""Where cells come from and results go to: arrays in memory, or stored ones read in boxes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np

from poolcli.checks import shown
from poolcli.errors import InputError, UsageError
from poolcli.layout import show_shape

Array = np.ndarray[Any, np.dtype[Any]]


class Buffers:
    """Named scratch arrays; a name holds one array at a time and keeps its memory."""

    def __init__(self) -> None:
        self._memory: dict[Hashable, Array] = {}

    def take(self, name: Hashable, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """An uninitialised C-contiguous array; what was taken under ``name`` before is void."""
        need = math.prod(shape) * dtype.itemsize
        memory = self._memory.get(name)
        if memory is None or memory.nbytes < need:
            memory = self._memory[name] = np.empty(need, np.uint8)
        return memory[:need].view(dtype).reshape(shape)


Range = tuple[int, int]
Box = tuple[Range, ...]


def shifted(ranges: Sequence[Range], by: Sequence[int]) -> tuple[Range, ...]:
    """The same ranges, each so much farther along its axis."""
    return tuple((low + n, high + n) for (low, high), n in zip(ranges, by, strict=True))


class StoredInput(Protocol):
    """An array that is not in memory; ``shape`` and boxes are in the order that it is stored in.

    ``axes[i]`` is the stored axis of the array's axis i.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def axes(self) -> tuple[int, ...]: ...
    @property
    def sequential(self) -> bool:
        """Whether boxes are best read in their order, by one thread."""

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape, in the stored order, of what is decoded at once; None: a box is as good."""

    def keep(self, nbytes: int) -> None:
        """Told before boxes are read how many bytes of decoded chunks are worth keeping."""

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out``, a C-contiguous array of the box's shape and this dtype."""

    def finish(self) -> None:
        """Called when every box that is wanted has been read."""


class StoredOutput(Protocol):
    """Where an array is stored that need not fit in memory, in C order of its own axes."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def chunks(self) -> tuple[int, ...] | None:
        """The shape of what is encoded at once; None: a box of any shape is as good.

        Then each box that is written is made of whole chunks, and no chunk is written twice.
        """

    def write_box(self, box: Box, values: Array) -> None:
        """Store ``values``, a C-contiguous array of the box's shape and this dtype."""

    def complete(self) -> None:
        """Called when all is written."""


class Gathered:
    """A result that is kept in memory, which is taken when the first of it is there."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self._array: Array | None = None

    @property
    def array(self) -> Array:
        """The result. Raises InputError where memory has no room for it."""
        if self._array is None:
            self._array = allocate(self.shape, self.dtype)
        return self._array

    def take(self, values: Array) -> None:
        """Keep an array that was made elsewhere; it may lack axes of length 1."""
        self._array = values.reshape(self.shape)


Readable = Array | StoredInput
"""What cells come from."""

Writable = Array | StoredOutput | Gathered
"""What results go to."""


def allocate(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A new array for results. Raises InputError where memory has no room for it."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError, OverflowError):
        raise InputError(
            f"the result, {show_shape(shape)} {dtype}, does not fit in memory"
        ) from None


def shape_of(x: Readable) -> tuple[int, ...]:
    """The shape of the array, with its axes in their own order."""
    return x.shape if isinstance(x, np.ndarray) else tuple(x.shape[axis] for axis in x.axes)


def read_whole(x: Readable) -> Array:
    """The array in memory, with its axes in their own order."""
    if isinstance(x, np.ndarray):
        return x
    stored = np.empty(x.shape, x.dtype)
    x.read_box(tuple((0, n) for n in x.shape), stored)
    return stored.transpose(x.axes)


def read_stored(x: Readable, box: Box) -> Array:
    """The cells of a box of stored axes, in the order of these; of an array a view."""
    if isinstance(x, np.ndarray):
        return x[tuple(slice(*part) for part in box)]
    cells = np.empty([high - low for low, high in box], x.dtype)
    x.read_box(box, cells)
    return cells


def read_part(x: Readable, box: Box) -> Array:
    """The cells of a box, one range for each of the array's own axes; of an array a view."""
    if isinstance(x, np.ndarray):
        return x[tuple(slice(*part) for part in box)]
    return read_stored(x, _permuted_back(box, x.axes)).transpose(x.axes)


def write_whole(out: Writable, values: Array) -> None:
    """Store all results at once; ``values`` may lack axes of length 1."""
    if isinstance(out, Gathered):
        out.take(values)
        return
    shaped = np.asarray(values, out.dtype, order="C").reshape(out.shape)
    if isinstance(out, np.ndarray):
        out[...] = shaped
    else:
        out.write_box(tuple((0, n) for n in out.shape), shaped)


class _InMemory:
    """An array in memory that takes boxes: a StoredOutput."""

    chunks: tuple[int, ...] | None = None

    def __init__(self, array: Array) -> None:
        self._array = array
        self.shape, self.dtype = array.shape, array.dtype

    def write_box(self, box: Box, values: Array) -> None:
        """Copy the values."""
        self._array[tuple(slice(*part) for part in box)] = values

    def complete(self) -> None:
        """Nothing is left to do."""


def stored_output(out: Writable, shape: tuple[int, ...]) -> StoredOutput:
    """What takes boxes of this shape, which may have more axes of length 1 than ``out``."""
    out = out.array if isinstance(out, Gathered) else out
    return _InMemory(out.reshape(shape)) if isinstance(out, np.ndarray) else out


class InputView(Protocol):
    """A view that boxes of cells can be read from."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slow_first: tuple[int, ...]
    """The axes, from the one whose neighbours lie farthest apart in memory to the nearest."""
    chunks: tuple[int, ...] | None
    """What is decoded at once, where that is more than any box."""
    block_bytes: int
    """How much of it one block best takes."""

    def read(self, box: Box, buffers: Buffers) -> Array:
        """The cells of a box, good until the next is read with the same buffers."""
        ...

    def keep(self, nbytes: int) -> None:
        """Told before boxes are read how many bytes of decoded chunks are worth keeping."""


class OutputView(Protocol):
    """A view that boxes of results can be written to."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    slow_first: tuple[int, ...]
    """As of a source."""
    chunks: tuple[int, ...] | None
    """What is encoded at once, where that is more than any box."""

    def open(self, box: Box, buffers: Buffers) -> Array:
        """An array to write the results of a box to."""
        ...

    def close(self, box: Box, results: Array) -> None:
        """Called with that array when the results stand in it."""
        ...


class ArrayInputView:
    """An array in memory, its axes permuted by ``order``."""

    block_bytes = 1 << 21
    chunks: tuple[int, ...] | None = None

    def __init__(self, array: Array, order: tuple[int, ...]) -> None:
        self._view = array.transpose(order)
        self.shape, self.dtype = self._view.shape, array.dtype
        self.slow_first = _by_stride(self._view.strides)
        # NumPy takes any byte but 0 for True, and Pillow makes them 255; kernels add bytes.
        self.copies = array.dtype == np.bool_

    def read(self, box: Box, buffers: Buffers) -> Array:
        """A view of the box; of bool a copy, in which True is 1."""
        cells = self._view[tuple(slice(*part) for part in box)]
        return cells.view(np.uint8) != 0 if self.copies else cells

    def keep(self, nbytes: int) -> None:
        """All of it is in memory."""


class StoredInputView:
    """A stored array, its axes permuted by ``order``."""

    block_bytes = 1 << 21

    def __init__(self, stored: StoredInput, order: tuple[int, ...]) -> None:
        order = tuple(stored.axes[axis] for axis in order)
        self._stored, self._order = stored, order
        self.shape = tuple(stored.shape[axis] for axis in order)
        self.dtype, self.chunks = stored.dtype, _permuted(stored.chunks, order)
        self.slow_first = tuple(order.index(axis) for axis in range(len(order)))

    def read(self, box: Box, buffers: Buffers) -> Array:
        """Read the box in the stored order, then see it in the view's."""
        stored_box = _permuted_back(box, self._order)
        shape = tuple(high - low for low, high in stored_box)
        cells = buffers.take("stored cells", shape, self.dtype)
        self._stored.read_box(stored_box, cells)
        return cells.transpose(self._order)

    def keep(self, nbytes: int) -> None:
        """Tell the array."""
        self._stored.keep(nbytes)


class ArrayOutputView:
    """An array in memory, its axes permuted by ``order``."""

    chunks: tuple[int, ...] | None = None

    def __init__(self, array: Array, order: tuple[int, ...]) -> None:
        self._view = array.transpose(order)
        self.shape, self.dtype = self._view.shape, array.dtype
        self.slow_first = _by_stride(self._view.strides)

    def open(self, box: Box, buffers: Buffers) -> Array:
        """A view of the box: results are written in place."""
        return self._view[tuple(slice(*part) for part in box)]

    def close(self, box: Box, results: Array) -> None:
        """Nothing is left to do."""


class StoredOutputView:
    """A stored array, its axes permuted by ``order``."""

    def __init__(self, stored: StoredOutput, order: tuple[int, ...]) -> None:
        self._stored, self._order = stored, order
        self.shape = tuple(stored.shape[axis] for axis in order)
        self.dtype, self.chunks = stored.dtype, _permuted(stored.chunks, order)
        self.slow_first = tuple(order.index(axis) for axis in range(len(order)))

    def open(self, box: Box, buffers: Buffers) -> Array:
        """Scratch memory in the stored order, seen in the view's."""
        stored_box = _permuted_back(box, self._order)
        shape = tuple(high - low for low, high in stored_box)
        return buffers.take("stored results", shape, self.dtype).transpose(self._order)

    def close(self, box: Box, results: Array) -> None:
        """Store the box."""
        stored_box = _permuted_back(box, self._order)
        back = tuple(self._order.index(axis) for axis in range(len(self._order)))
        self._stored.write_box(stored_box, results.transpose(back))


def input_view(x: Readable, order: tuple[int, ...]) -> InputView:
    """The source that reads ``x`` with its axes permuted by ``order``."""
    return ArrayInputView(x, order) if isinstance(x, np.ndarray) else StoredInputView(x, order)


def output_view(out: Writable, order: tuple[int, ...]) -> OutputView:
    """The target that writes ``out`` with its axes permuted by ``order``."""
    out = out.array if isinstance(out, Gathered) else out
    return (
        ArrayOutputView(out, order) if isinstance(out, np.ndarray) else StoredOutputView(out, order)
    )


def memory_order(x: Readable) -> tuple[int, ...]:
    """The axes from the one whose neighbours lie farthest apart in memory to the nearest.

    >>> memory_order(np.zeros((3, 100), order="F"))
    (1, 0)
    """
    if isinstance(x, np.ndarray):
        return _by_stride(x.strides)
    return tuple(x.axes.index(axis) for axis in range(len(x.axes)))


def _by_stride(strides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(strides)), key=lambda axis: -abs(strides[axis])))


def refuse_out(out: Array, shape: tuple[int, ...], dtype: np.dtype[Any], x: Readable) -> None:
    """Refuse an array to write results to that does not fit them, or that the input shares."""
    if not isinstance(out, np.ndarray):
        raise UsageError(f"out {shown(out)}: a NumPy array to write to is meant")
    if out.shape != shape or out.dtype != dtype:
        raise UsageError(
            f"out has shape {out.shape} and dtype {out.dtype}; the result has {shape} and {dtype}"
        )
    if not out.flags.writeable:
        raise UsageError("out is read-only; give an array that can be written")
    if isinstance(x, np.ndarray) and np.may_share_memory(x, out):
        raise UsageError("out shares memory with the input; give an array of its own")


def view_order(
    spatial: tuple[int, ...], slow_first: tuple[int, ...]
) -> tuple[int, tuple[int, ...]]:
    """How many lead axes the view of an array has, and the permutation that gives the view.

    An axis that is not spatial leads where it is slower in memory than some spatial axis, so that
    whole planes can be taken by themselves, and is inner where it is faster than all: of two such
    only the faster one is.

    >>> view_order((1, 2), (0, 1, 2, 3))
    (1, (0, 1, 2, 3))
    """
    fastest = max(slow_first.index(axis) for axis in spatial)
    others = [axis for axis in slow_first if axis not in spatial]
    inner = [axis for axis in others if slow_first.index(axis) > fastest][-1:]
    lead = [axis for axis in others if axis not in inner]
    return len(lead), (*lead, *spatial, *inner)


def _permuted(chunks: tuple[int, ...] | None, order: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if chunks is None else tuple(chunks[axis] for axis in order)


def _permuted_back(box: Box, order: tuple[int, ...]) -> Box:
    return tuple(box[order.index(axis)] for axis in range(len(order)))
