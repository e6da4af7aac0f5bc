"""Folding windows along one axis: every window of cells becomes one combined value.

A *state* is a tuple of equally shaped arrays (most ops need one, exact sums need two) and a
*combine* writes ``a ∘ b`` for two states. Floating-point addition is not associative, so the order
of combining is part of the meaning: each window is one fixed binary tree, aligned at its first
cell. A run of ``2^j`` cells is a perfect tree; any other length is its largest perfect tree
combined with the tree of the rest. Every strategy below builds exactly that tree, so the choice
between them, the block size and the number of threads can never change a byte of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from poolcli.engine.buffers import Array, Buffers

State = tuple[Array, ...]
Combine = Callable[[State, State, State], None]
Grid = Callable[[int], int]

# Below this many inner cells (the channels of a picture, say), strided steps along the axis before
# them are cheaper one channel at a time: NumPy's innermost loop then runs along the long axis.
SMALL_INNER = 16

# A NumPy call costs about as much as combining this many elements; it only steers the choice
# between two ways to build the same tree.
CALL_COST = 2000

# What all the Python around the folding of one window by itself costs, in the same unit.
WINDOW_COST = 50_000


@dataclass(frozen=True)
class Folding:
    """How states are combined, and with whose scratch memory."""

    combine: Combine
    idempotent: bool
    buffers: Buffers


def fold_axis(
    state: State, axis: int, size: int, stride: int, dilation: int, out: State, how: Folding
) -> None:
    """Fold evenly spaced windows of ``size`` cells along ``axis`` of ``state`` into ``out``.

    The first window starts at cell 0, and ``state`` reaches to the end of the last one.
    ``out`` has one cell per window along ``axis``; it may not overlap ``state``.
    """
    length, count = state[0].shape[axis], out[0].shape[axis]
    folder = _AxisFold(axis, stride if count > 1 else 0, dilation, how)
    if size == 1:
        for target, source in zip(out, folder.at(state, 0, stride, count), strict=True):
            target[...] = source
    elif _tree_is_cheaper(length, out[0].size // count, count, size, folder.grid):
        folder.tree(state, 0, size, count, out)
    else:
        folder.lattice(state, size, count, out)


def fold_uneven(
    state: State, axis: int, starts: Sequence[int], sizes: Sequence[int], out: State, how: Folding
) -> None:
    """Fold windows of any starts and sizes along ``axis``: window ``i`` goes to cell ``i``.

    Few large windows are folded one by one. Many small ones are folded at every start at once, for
    each size that occurs, and those that are wanted taken out.
    """
    length, across = state[0].shape[axis], out[0].size // len(starts)
    kinds = sorted(set(sizes))
    alone = sum(size * across + WINDOW_COST for size in sizes)
    shared = sum(size.bit_length() * (length * across + CALL_COST) for size in kinds)
    if alone <= shared:
        for i, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            one, target = _along(state, axis, start, size), _along(out, axis, i, 1)
            fold_axis(one, axis, size, 1, 1, target, how)
        return
    folder = _AxisFold(axis, 1, 1, how)
    for size in kinds:
        every = folder.scratch("every", out, length - size + 1)
        fold_axis(state, axis, size, 1, 1, every, how)
        these = [i for i, s in enumerate(sizes) if s == size]
        for wanted, part in zip(out, every, strict=True):
            taken = part.take([starts[i] for i in these], axis=axis)
            np.moveaxis(wanted, axis, 0)[these] = np.moveaxis(taken, axis, 0)


def _along(state: State, axis: int, start: int, count: int) -> State:
    cut = (*(slice(None),) * axis, slice(start, start + count))
    return tuple(part[cut] for part in state)


def _tree_is_cheaper(length: int, across: int, count: int, size: int, grid_of: Grid) -> bool:
    """Whether building each window's tree alone costs less than sharing subtrees.

    ``across`` is the number of elements per cell of the axis; the unit is combined elements.
    """
    one_call = count * across + CALL_COST
    alone = (size - 1) * one_call
    shared, width = size.bit_count() * one_call, 2
    while 2 * width <= size:
        shared += length * across // grid_of(width) + CALL_COST
        width *= 2
    return alone <= shared


class _AxisFold:
    """The two strategies, for one axis. A stride of 0 stands for a single window."""

    def __init__(self, axis: int, stride: int, dilation: int, how: Folding) -> None:
        self.axis, self.stride, self.dilation, self.how = axis, stride, dilation, how

    def grid(self, width: int) -> int:
        """Trees of ``width`` cells are needed at multiples of this many cells only."""
        return math.gcd(self.stride, width * self.dilation)

    def at(self, state: State, start: int, step: int, count: int) -> State:
        """``count`` cells along the axis, from ``start`` in steps of ``step``, as views."""
        cut = slice(start, start + (count - 1) * step + 1, max(step, 1))
        index = (slice(None),) * self.axis + (cut,)
        return tuple(part[index] for part in state)

    def combine(self, a: State, b: State, out: State) -> None:
        for cut in _inner_cuts(a[0], out[0], self.axis):
            self.how.combine(
                tuple(part[cut] for part in a),
                tuple(part[cut] for part in b),
                tuple(part[cut] for part in out),
            )

    def scratch(self, name: Hashable, like: State, count: int) -> State:
        """Buffers shaped as ``like`` but with ``count`` cells along the axis."""
        shape = like[0].shape
        shape = (*shape[: self.axis], count, *shape[self.axis + 1 :])
        return tuple(
            self.how.buffers.take(("fold", self.axis, name, i), shape, part.dtype)
            for i, part in enumerate(like)
        )

    def tree(self, state: State, first: int, size: int, count: int, out: State) -> None:
        """Each window on its own: combine the strided slices that hold its cells."""
        half = largest_power_below(size)
        left = self._subtree(state, first, half, count, out)
        right = self._subtree(state, first + half, size - half, count, None)
        self.combine(left, right, out)

    def _subtree(self, state: State, first: int, size: int, count: int, out: State | None) -> State:
        if size == 1:
            return self.at(state, first * self.dilation, self.stride, count)
        if out is None:
            out = self.scratch(("tree", size.bit_length()), state, count)
        self.tree(state, first, size, count, out)
        return out

    def lattice(self, state: State, size: int, count: int, out: State) -> None:
        """Share subtrees between windows: perfect trees of 1, 2, 4, … cells by doubling.

        Trees of ``width`` cells are kept where some window can need them: at multiples of
        ``grid`` cells. With one window, or a stride that is a power of two, that halves the work
        at each level; with a stride of 1 it takes log2(size) passes, whatever the size.
        """
        length, step, dilation = state[0].shape[self.axis], self.stride, self.dilation
        # The window is a run of 2·last cells and the rest of it, or where runs may overlap, the
        # union of two runs of ``last``.
        last = largest_power_below(size)
        overlap = self.how.idempotent and (size - last) * dilation % self.grid(last) == 0
        if not overlap and 2 * last > size:
            last //= 2
        second = size - last if overlap else last
        level, width, grid = state, 1, 1
        rest: State | None = None
        while True:
            if size & width and not overlap:
                begin = size >> width.bit_length() << width.bit_length()
                piece = self.at(level, begin * dilation // grid, step // grid, count)
                rest = self._extend(piece, rest, keep=level is not state)
            if width == last:
                break
            coarser = self.grid(2 * width)
            reach, stride = width * dilation // grid, coarser // grid
            keep = (length - 1 - (2 * width - 1) * dilation) // coarser + 1
            target = self.scratch(("level", width.bit_length() % 2), state, keep)
            self.combine(
                self.at(level, 0, stride, keep), self.at(level, reach, stride, keep), target
            )
            level, width, grid = target, 2 * width, coarser
        # The widest runs are needed at the window starts only.
        first = self.at(level, 0, step // grid, count)
        self.combine(first, self.at(level, second * dilation // grid, step // grid, count), out)
        if rest is not None:
            self.combine(out, rest, out)

    def _extend(self, piece: State, rest: State | None, *, keep: bool) -> State:
        """The tree of ``piece`` and the ``rest`` to its right; ``keep`` if its memory is reused."""
        if rest is None and not keep:
            return piece
        target = self.scratch("rest", piece, piece[0].shape[self.axis])
        if rest is not None:
            self.combine(piece, rest, target)
        else:
            for kept, part in zip(target, piece, strict=True):
                kept[...] = part
        return target


def _inner_cuts(a: Array, out: Array, axis: int) -> Iterator[tuple[Any, ...]]:
    """Index tuples that together cover the arrays: one per inner cell where that is quicker."""
    inner = out.shape[axis + 1 :]
    cells = math.prod(inner)
    strided = a.strides[axis] != cells * a.itemsize
    if 1 < cells < SMALL_INNER and len(inner) == 1 and strided and out.shape[axis] > cells:
        for j in range(cells):
            yield (..., j)
    else:
        yield (...,)


def largest_power_below(size: int) -> int:
    """The largest power of two that is less than ``size``.

    >>> [largest_power_below(k) for k in (2, 3, 4, 5)]
    [1, 2, 2, 4]
    """
    return 1 << ((size - 1).bit_length() - 1)


class TreeCounter:
    """Builds one window's tree from pieces that arrive in order, like a binary counter.

    All pieces but the last hold the same power-of-two number of cells, so each is a perfect
    subtree; two subtrees of equal height are combined as soon as both are there. At most
    log2(pieces) states are kept.
    """

    def __init__(self, combine: Combine) -> None:
        self._combine = combine
        self._stack: list[tuple[int, State | None]] = []

    def push(self, piece: State | None) -> None:
        """Add the next full piece; it is kept, so it may not be scratch memory.

        None stands for a piece of padding: combined with the identity, a state is what it was.
        """
        height = 0
        while self._stack and self._stack[-1][0] == height:
            _, left = self._stack.pop()
            piece, height = self._joined(left, piece), height + 1
        self._stack.append((height, piece))

    def _joined(self, left: State | None, right: State | None) -> State | None:
        if left is None or right is None:
            return right if left is None else left
        self._combine(left, right, left)
        return left

    def total(self, last: State | None) -> State:
        """The whole window; ``last`` is the shorter piece at its end, if there is one."""
        result = last
        while self._stack:
            _, left = self._stack.pop()
            result = self._joined(left, result)
        assert result is not None  # a window has at least one cell
        return result


def tree_sum(values: Array) -> Array:
    """The sum along the first axis by the fixed tree, whose bytes depend on nothing else.

    ``values.sum(axis=0)`` will not do: NumPy orders its additions by the shape of the whole array.
    """
    out = np.empty((1, *values.shape[1:]), values.dtype)
    fold_axis((values,), 0, len(values), 1, 1, (out,), Folding(_add, False, Buffers()))
    return np.asarray(out[0])


def _add(a: State, b: State, out: State) -> None:
    np.add(a[0], b[0], out=out[0])
