"""What an op asks of the engine: how the cells of one window become one number.

There are two kinds of kernel. A :class:`Fold` combines cells step by step and never sees a window
whole, which makes any window size cheap. A :class:`Select` is handed all cells of each window
side by side. Neither knows how windows were placed or which axis is which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.fold import tree_sum
from poolcli.engine.trees import Combine, State

# The number of cells that divide a sum: one number when all windows are alike, else an array that
# broadcasts to the block's output.
Counts = int | float | Array

Places = Callable[[], Array]
"""Positions of cells (or of windows) in the whole array, as int64 that broadcast to a block."""

Load = Callable[[Array, State, Places], None]
Finish = Callable[[State, Counts, Array], None]


class Fold(NamedTuple):
    """An op as prepare → combine → finish.

    ``load`` turns cells into a state (None: the cells are the state), ``combine`` is associative
    up to rounding with ``identity`` as its neutral state, and ``finish`` turns the folded state
    into results (None: its only part is the result). ``result`` is the dtype of the results.

    ``picks`` is the ufunc that combines, where it picks one of two values (maximum, minimum): cells
    may count twice then, so that a window may be covered by runs that overlap.

    ``start`` is a cheaper fold of the same meaning for the bottom of the trees: along the axis that
    is folded first, runs of ``start_cells`` cells (a power of two) are combined by it, and its
    results are what this fold loads. It has one part, and no finish.

    ``rescue`` is an alternative for windows whose result is not finite although it could be: the
    engine runs a block again with it and takes over what is not finite, and nothing else.
    """

    result: np.dtype[Any]
    parts: tuple[np.dtype[Any], ...]
    identity: tuple[Any, ...]
    combine: Combine
    load: Load | None = None
    finish: Finish | None = None
    picks: np.ufunc | None = None
    start: Fold | None = None
    start_cells: int = 1
    rescue: Fold | None = None


class Gathered(NamedTuple):
    """The windows of a block with their cells side by side along the first axis.

    ``cells`` has one more axis than the block's output. ``valid`` (None: all) is False for padding
    and missing cells, whose values mean nothing, and broadcasts to ``cells``. ``weights`` are the
    binomial weights of the cells' places in their windows.
    """

    cells: Array
    valid: Array | None
    weights: Callable[[], Array]
    places: Places
    """Of each window, for draws that depend on nothing but the window."""
    cell_places: Places
    """Of each cell, for ops that answer with positions."""
    sides: tuple[int, ...]
    """How many places there are along each axis of a window; ``cells`` holds them in C order."""

    def sum(self, values: Array) -> Array:
        """The sum of each window's ``values``, which are 0 for cells that do not count.

        By a fixed tree, one axis after another: how many places the longest window of a block has
        along an axis changes nothing, as places that hold no cell come last along each.
        """
        total = values.reshape(*self.sides, *values.shape[1:])
        for axis in reversed(range(len(self.sides))):
            total = tree_sum(np.moveaxis(total, axis, 0))
        return total

    @property
    def counts(self) -> Array:
        """How many valid cells each window has."""
        if self.valid is None:
            return np.full((1,) * (self.cells.ndim - 1), len(self.cells), np.int64)
        return np.asarray(self.valid.sum(axis=0, dtype=np.int64))


class Select(NamedTuple):
    """An op that looks at all cells of a window at once.

    ``choose`` writes the results of gathered windows. An op that needs only certain ``ranks`` of a
    sorted window (or with ``sorts`` off, the cells at certain places of it) says which of ``n``
    cells these are, and ``blend`` makes results of them: small windows in which every cell counts
    are then never gathered, but sorted as far as needed by minima and maxima of whole slices.
    With ``sorts`` on, a NaN anywhere in a window is its result; with it off, only where picked.
    ``mirrors``: padding is no absence but mirrors the cells inside the edge.
    """

    result: np.dtype[Any]
    choose: Callable[[Gathered, Array], None]
    ranks: Callable[[int], tuple[int, ...]] | None = None
    blend: Callable[[list[Array], int, Array], None] | None = None
    sorts: bool = True
    mirrors: bool = False


Kernel = Fold | Select


class Cells(NamedTuple):
    """What an op may know of the windows before any value is seen."""

    dtype: np.dtype[Any]
    """Of the cells, in native byte order."""
    most: int
    """The most cells in one window."""
    levels: int
    """The height of a window's tree: how many roundings one value can pass through."""
    target: np.dtype[Any] | None = None
    """The dtype that is wanted for the results, in native byte order; None for the op's choice."""
    fit: str = "exact"
    """How results enter an integer target, see ``cast``."""


def ufunc_combine(ufunc: np.ufunc) -> Combine:
    """A combine of one-part states through an associative ufunc."""

    def combine(a: State, b: State, out: State) -> None:
        ufunc(a[0], b[0], out=out[0])

    return combine


def both(first: Fold, second: Fold, result: np.dtype[Any], finish: Finish) -> Fold:
    """Two folds of the same cells at once; ``finish`` sees the parts of both in a row."""
    cut = len(first.parts)

    def combine(a: State, b: State, out: State) -> None:
        first.combine(a[:cut], b[:cut], out[:cut])
        second.combine(a[cut:], b[cut:], out[cut:])

    def load(values: Array, state: State, places: Places) -> None:
        for fold, part in ((first, state[:cut]), (second, state[cut:])):
            if fold.load is None:
                part[0][...] = values
            else:
                fold.load(values, part, places)

    return Fold(
        result=result,
        parts=first.parts + second.parts,
        identity=first.identity + second.identity,
        combine=combine,
        load=load,
        finish=finish,
    )


def finished(fold: Fold, state: State, counts: Counts) -> Array:
    """The results of a folded state, as an array of the fold's result dtype."""
    if fold.finish is None:
        return state[0]
    out = np.empty(state[0].shape, fold.result)
    fold.finish(state, counts, out)
    return out
