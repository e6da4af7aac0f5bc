"""Folding windows along one axis: every window of cells becomes one combined value.

A *state* is a tuple of equally shaped arrays (most ops need one, exact sums need two) and a
*combine* writes ``a ∘ b`` for two states. Which trees of cells that makes is fixed, see ``trees``;
here is decided how to build them: each window's for itself or shared, and in which precision.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.trees import SMALL_INNER, AxisTrees, Combine, State, copy_state, take_cells

Grid = Callable[[int], int]

# A NumPy call costs about as much as combining this many elements; it only steers the choice
# between two ways to build the same tree.
CALL_COST = 2000

# What all the Python around the folding of one window by itself costs, in the same unit.
WINDOW_COST = 50_000

# How many elements are combined in the time that one takes to be picked by its index.
TAKE_COST = 8


class Folding(NamedTuple):
    """How states are combined, and with whose scratch memory.

    ``picks``: the ufunc that combines, if it picks one of two values: then cells may count twice,
    and any order that goes from first to last gives the same bytes.

    ``wider``: states begin narrow, see :class:`Wider`, and are wide when they are folded.
    """

    parts: tuple[np.dtype[Any], ...]
    identity: tuple[Any, ...]
    combine: Combine
    picks: np.ufunc | None
    buffers: Buffers
    wider: Wider | None = None

    def trees(self, axis: int, stride: int, dilation: int) -> AxisTrees:
        """The trees of this folding's states along one axis."""
        return AxisTrees(
            axis, stride, dilation, self.parts, self.identity, self.combine, self.buffers
        )


class Wider(NamedTuple):
    """Trees of more than ``cells`` cells (a power of two) are combined as ``how``.

    Their leaves are narrow trees of ``cells`` cells, the last one of what remains; ``load`` makes
    them wide.
    """

    cells: int
    how: Folding
    load: Callable[[State, State], None]


def fold_axis(
    state: State, axis: int, size: int, stride: int, dilation: int, out: State, how: Folding
) -> None:
    """Fold evenly spaced windows of ``size`` cells along ``axis`` of ``state`` into ``out``.

    The first window starts at cell 0, and ``state`` reaches to the end of the last one.
    ``out`` has one cell per window along ``axis``; it may not overlap ``state``.
    """
    length, count = state[0].shape[axis], out[0].shape[axis]
    trees = how.trees(axis, stride if count > 1 else 0, dilation)
    alone = _tree_is_cheaper(length, out[0].size // count, count, size, trees.grid)
    if how.wider is not None:
        _WideningFold(state, trees, how, how.wider).even(size, count, out, alone=alone)
    elif size == 1:
        copy_state(trees.at(state, 0, stride, count), out)
    elif count == 1 and dilation == 1 and how.picks is not None and _crosses_memory(state[0], axis):
        how.picks.reduce(state[0], axis, out=out[0], keepdims=True)
    elif alone:
        trees.tree(trees.leaves(state, count), 0, size, out)
    else:
        trees.lattice(state, size, count, out, overlaps=how.picks is not None)


def fold_uneven(
    state: State,
    axis: int,
    starts: Array,
    sizes: Array,
    dilation: int,
    out: State,
    how: Folding,
) -> None:
    """Fold windows of any starts and sizes along ``axis``: window ``i`` goes to cell ``i``.

    Few large windows are folded one by one. Many small ones share the trees of 1, 2, 4, … cells
    that start at every cell.
    """
    length, count, most = state[0].shape[axis], len(starts), int(sizes.max())
    across = out[0].size // count
    alone = int(sizes.sum()) * across + count * WINDOW_COST
    one_level = (length + TAKE_COST * count) * across + 4 * CALL_COST
    trees = how.trees(axis, 1, dilation)
    if alone <= most.bit_length() * one_level:
        for i, (start, size) in enumerate(zip(starts.tolist(), sizes.tolist(), strict=True)):
            window = trees.at(state, start, 1, (size - 1) * dilation + 1)
            fold_axis(window, axis, size, 1, dilation, trees.at(out, i, 1, 1), how)
    elif how.wider is not None:
        _WideningFold(state, trees, how, how.wider).uneven(starts, sizes, out)
    elif how.picks is not None and most <= 2 * (run := 1 << (int(sizes.min()).bit_length() - 1)):
        trees.overlapping(state, run, starts, sizes, out)
    else:
        last = starts + (sizes - 1) * dilation
        tail = take_cells(state, last, trees.scratch("tail", out, count), axis)
        trees.uneven(state, starts, sizes - 1, tail, out)


def _crosses_memory(cells: Array, axis: int) -> bool:
    """Whether a reduction along ``axis`` goes through memory in whole runs, cell after cell.

    Along memory itself NumPy reduces in lanes, in which the first of equal values is not the first.
    """
    inner: int = math.prod(cells.shape[axis + 1 :])
    return inner > SMALL_INNER


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


class _WideningFold:
    """Folds narrow states along one axis to wide ones."""

    def __init__(self, state: State, trees: AxisTrees, how: Folding, wider: Wider) -> None:
        self.state, self.trees, self.how, self.wider = state, trees, how, wider
        self.narrow = how._replace(wider=None)

    def even(self, size: int, count: int, out: State, *, alone: bool) -> None:
        """As ``fold_axis``; ``alone``: build each window's tree for itself."""
        axis, stride, dilation = self.trees.axis, self.trees.stride, self.trees.dilation
        cells, wide = self.wider.cells, self.wider.how
        if size <= cells:
            self.wider.load(self._folded("whole", 0, size, stride, count), out)
            return

        def leaf(i: int, side: str) -> State:
            some = self._folded("leaf", i * cells, min(cells, size - i * cells), stride, count)
            return self._widened(some, side)

        if alone:
            wide.trees(axis, stride, dilation).tree(leaf, 0, -(-size // cells), out)
            return
        leaves, rest = divmod(size, cells)
        grid, length = self.trees.grid(cells), self.state[0].shape[axis]
        keep = (length - 1 - (cells - 1) * dilation) // grid + 1
        every = self._widened(self._folded("leaf", 0, cells, grid, keep), "leaves")
        tail = leaf(leaves, "tail") if rest else None
        trees = wide.trees(axis, stride // grid, cells * dilation // grid)
        trees.lattice(every, leaves, count, out, tail=tail)

    def uneven(self, starts: Array, counts: Array, out: State) -> None:
        """As ``fold_uneven``, with all windows at once."""
        axis, dilation, cells = self.trees.axis, self.trees.dilation, self.wider.cells
        full = (counts - 1) // cells
        last = self.trees.scratch("last", self.state, len(starts))
        begin, sizes = starts + full * cells * dilation, counts - full * cells
        fold_uneven(self.state, axis, begin, sizes, dilation, last, self.narrow)
        if not full.any():
            self.wider.load(last, out)
            return
        tail = self._widened(last, "tail")
        keep = self.state[0].shape[axis] - (cells - 1) * dilation
        every = self._widened(self._folded("leaf", 0, cells, 1, keep), "leaves")
        self.wider.how.trees(axis, 1, cells * dilation).uneven(every, starts, full, tail, out)

    def _folded(self, name: str, skip: int, size: int, stride: int, count: int) -> State:
        """Narrow trees of ``size`` cells, after the first ``skip`` cells of each window."""
        dilation = self.trees.dilation
        reach = (count - 1) * stride + (size - 1) * dilation + 1
        cells = self.trees.at(self.state, skip * dilation, 1, reach)
        if size == 1:
            return self.trees.at(cells, 0, stride, count)
        out = self.trees.scratch(name, self.state, count)
        fold_axis(cells, self.trees.axis, size, stride, dilation, out, self.narrow)
        return out

    def _widened(self, narrow: State, name: str) -> State:
        trees = self.wider.how.trees(self.trees.axis, 1, 1)
        wide = trees.scratch(("wide", name), narrow, narrow[0].shape[self.trees.axis])
        self.wider.load(narrow, wide)
        return wide


def tree_sum(values: Array) -> Array:
    """The sum along the first axis by the fixed tree, whose bytes depend on nothing else.

    ``values.sum(axis=0)`` will not do: NumPy orders its additions by the shape of the whole array.
    """
    out = np.empty((1, *values.shape[1:]), values.dtype)
    how = Folding((values.dtype,), (-0.0,), _add, None, Buffers())
    fold_axis((values,), 0, len(values), 1, 1, (out,), how)
    return np.asarray(out[0])


def _add(a: State, b: State, out: State) -> None:
    np.add(a[0], b[0], out=out[0])
