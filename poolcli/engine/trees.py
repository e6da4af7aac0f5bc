"""The ways to build the trees of all windows along one axis.

Floating-point addition is not associative, so the order of combining is part of the meaning: each
window is one fixed binary tree, aligned at its first cell. A run of ``2^j`` cells is a perfect
tree; any other length is its largest perfect tree combined with the tree of the rest. Every
strategy below builds exactly that tree, so the choice between them, the block size and the number
of threads can never change a byte of the result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from poolcli.engine.buffers import Array, Buffers

State = tuple[Array, ...]
Combine = Callable[[State, State, State], None]
Leaf = Callable[[int, str], State]
"""Leaf ``i`` of every window, in memory that belongs to one side of a tree, left or right."""

# Below this many inner cells (the channels of a picture, say), strided steps along the axis before
# them are cheaper one channel at a time: NumPy's innermost loop then runs along the long axis.
SMALL_INNER = 16


class AxisTrees:
    """The trees of windows along one axis, evenly spaced by ``stride``; 0 stands for one window.

    ``identity`` is the neutral state of ``combine``, ``parts`` are the dtypes of its states.
    """

    def __init__(
        self,
        axis: int,
        stride: int,
        dilation: int,
        parts: tuple[np.dtype[Any], ...],
        identity: tuple[Any, ...],
        combine: Combine,
        buffers: Buffers,
    ) -> None:
        self.axis, self.stride, self.dilation = axis, stride, dilation
        self.parts, self.identity, self.buffers = parts, identity, buffers
        self._combine = combine

    def grid(self, width: int) -> int:
        """Trees of ``width`` cells are needed at multiples of this many cells only."""
        return math.gcd(self.stride, width * self.dilation)

    def at(self, state: State, start: int, step: int, count: int) -> State:
        """``count`` cells along the axis, from ``start`` in steps of ``step``, as views."""
        cut = slice(start, start + (count - 1) * step + 1, max(step, 1))
        index = (slice(None),) * self.axis + (cut,)
        return tuple(part[index] for part in state)

    def combine(self, a: State, b: State, out: State) -> None:
        """Write ``a ∘ b`` to ``out``."""
        cuts = inner_cuts(a[0], out[0], self.axis)
        if not cuts:
            self._combine(a, b, out)
        for cut in cuts:
            self._combine(
                tuple(part[cut] for part in a),
                tuple(part[cut] for part in b),
                tuple(part[cut] for part in out),
            )

    def scratch(self, name: Hashable, like: State, count: int) -> State:
        """Buffers shaped as ``like`` but with ``count`` cells along the axis."""
        shape = like[0].shape
        shape = (*shape[: self.axis], count, *shape[self.axis + 1 :])
        return tuple(
            self.buffers.take(("trees", self.axis, self.parts, name, i), shape, dtype)
            for i, dtype in enumerate(self.parts)
        )

    def leaves(self, state: State, count: int) -> Leaf:
        """The cells of ``count`` windows as their leaves."""
        return lambda i, _: self.at(state, i * self.dilation, self.stride, count)

    def tree(self, leaf: Leaf, first: int, size: int, out: State) -> None:
        """Each window on its own: combine the strided slices that hold its leaves."""
        half = largest_power_below(size)
        left = self._subtree(leaf, first, half, "left", out)
        right = self._subtree(leaf, first + half, size - half, "right", out)
        self.combine(left, right, out)

    def _subtree(self, leaf: Leaf, first: int, size: int, side: str, out: State) -> State:
        if size == 1:
            return leaf(first, side)
        if side == "right":
            out = self.scratch(("tree", size.bit_length()), out, out[0].shape[self.axis])
        self.tree(leaf, first, size, out)
        return out

    def lattice(
        self,
        state: State,
        size: int,
        count: int,
        out: State,
        *,
        tail: State | None = None,
        overlaps: bool = False,
    ) -> None:
        """Share subtrees between windows: perfect trees of 1, 2, 4, … cells by doubling.

        Trees of ``width`` cells are kept where some window can need them: at multiples of
        ``grid`` cells. With one window, or a stride that is a power of two, that halves the work
        at each level; with a stride of 1 it takes log2(size) passes, whatever the size.

        ``tail`` is one more leaf at the end of each window; it becomes scratch memory.
        ``overlaps``: cells may count twice, so that two runs always cover a window.
        """
        length, step, dilation = state[0].shape[self.axis], self.stride, self.dilation
        if size == 1 and tail is not None:
            self.combine(self.at(state, 0, step, count), tail, out)
            return
        # The window is a run of 2·last cells and the rest of it, or where runs may overlap, the
        # union of two runs of ``last``.
        last = largest_power_below(size)
        overlaps = overlaps and (size - last) * dilation % self.grid(last) == 0
        if not overlaps and 2 * last > size:
            last //= 2
        second = size - last if overlaps else last
        level, width, grid = state, 1, 1
        rest = tail
        while True:
            if size & width and not overlaps:
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
            copy_state(piece, target)
        return target

    def uneven(self, state: State, starts: Array, counts: Array, tail: State, out: State) -> None:
        """Windows that begin anywhere, of ``counts`` leaves and a last one, their ``tail``.

        The tree of n + 1 leaves is the last leaf with, to its left, a perfect tree for each binary
        digit of n, the smallest first. Those are taken from the trees that start at every cell;
        where a window's n lacks a digit, the identity leaves it as it is. ``tail`` becomes scratch
        memory.
        """
        most = int(counts.max())
        top = 1 << (most.bit_length() - 1) if most else 0
        level, width = state, 1
        while width <= most:
            begin = counts >> width.bit_length() << width.bit_length()
            piece = self._taken(level, starts + begin * self.dilation, counts & width != 0)
            self.combine(piece, tail, out if width == top else tail)
            if width < top:
                level = self._doubled(level, width)
            width *= 2
        if not most:
            copy_state(tail, out)

    def overlapping(self, state: State, run: int, starts: Array, sizes: Array, out: State) -> None:
        """Windows that begin anywhere, each the union of two runs of ``run`` cells, a power of two.

        Cells may count twice.
        """
        level, width = state, 1
        while width < run:
            level, width = self._doubled(level, width), 2 * width
        count = len(starts)
        first = take_cells(level, starts, self.scratch("first", level, count), self.axis)
        ends = starts + (sizes - run) * self.dilation
        second = take_cells(level, ends, self.scratch("second", level, count), self.axis)
        self.combine(first, second, out)

    def _doubled(self, level: State, width: int) -> State:
        """From the trees of ``width`` cells at every cell, those of twice as many."""
        reach = width * self.dilation
        keep = level[0].shape[self.axis] - reach
        target = self.scratch(("level", width.bit_length() % 2), level, keep)
        self.combine(self.at(level, 0, 1, keep), self.at(level, reach, 1, keep), target)
        return target

    def _taken(self, level: State, places: Array, wanted: Array) -> State:
        """The trees at ``places``, and the identity where none is wanted."""
        taken = take_cells(level, places, self.scratch("taken", level, len(places)), self.axis)
        unwanted = np.flatnonzero(~wanted)
        if len(unwanted):
            index = (slice(None),) * self.axis + (unwanted,)
            for part, neutral in zip(taken, self.identity, strict=True):
                part[index] = neutral
        return taken


def take_cells(state: State, places: Array, out: State, axis: int) -> State:
    """The cells at ``places`` along the axis, in ``out``; places past the end mean nothing."""
    for part, taken in zip(state, out, strict=True):
        part.take(places, axis, out=taken, mode="clip")
    return out


def copy_state(state: State, out: State) -> None:
    """Copy all parts."""
    for target, source in zip(out, state, strict=True):
        target[...] = source


def inner_cuts(a: Array, out: Array, axis: int) -> list[tuple[Any, ...]]:
    """One index tuple for each inner cell where ``a`` goes to ``out`` quicker cell by cell.

    Both have the same inner axes after ``axis``; no tuples where the whole is as quick.
    """
    inner = out.shape[axis + 1 :]
    if len(inner) != 1 or not 1 < inner[0] < SMALL_INNER or out.shape[axis] <= inner[0]:
        return []
    strided = a.strides[axis] != inner[0] * a.itemsize
    return [(..., j) for j in range(inner[0])] if strided else []


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
