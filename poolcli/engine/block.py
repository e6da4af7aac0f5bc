"""Pooling one block with a fold: load its cells, fold axis after axis, finish.

Axes are folded in order, rows before columns, each into a buffer that already has the next axis's
padding around it, filled with the fold's identity: padding costs no copy and cannot win.
A block is as large as its windows; where a single window is larger than the cache (a global
average of a big picture, say), it is folded in pieces along an axis. The pieces are whole subtrees
of the window's tree (see ``fold``), so the result is the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.cells import linear_places, refuse_nan
from poolcli.engine.fold import Folding, State, TreeCounter, fold_axis, fold_uneven
from poolcli.engine.job import Job
from poolcli.engine.kernel import Fold
from poolcli.engine.storage import Range
from poolcli.engine.tiles import Block
from poolcli.windows import Windows

Margin = tuple[int, int]
NO_MARGIN = (0, 0)


class BlockFolder:
    """Folds blocks of one job, one after another, with its own buffers."""

    def __init__(self, job: Job, fold: Fold, piece_bytes: int, buffers: Buffers) -> None:
        self.job, self.fold, self.buffers = job, fold, buffers
        self.piece_bytes = piece_bytes
        valid = job.missing is not None
        self.parts = fold.parts + ((np.dtype(np.int64),) if valid else ())
        self.identity = fold.identity + ((0,) if valid else ())
        self.combine = self._combine_with_valid if valid else fold.combine
        self.how = Folding(self.combine, fold.idempotent and not valid, buffers)

    def results(self, block: Block, out: Array) -> None:
        """Write the results of a block's windows to ``out``, which has the fold's result dtype."""
        windows = tuple(
            w.part(*part) for w, part in zip(self.job.windows, block.windows, strict=True)
        )
        lead = block.lead
        final = (out,) if self.fold.finish is None and self.job.missing is None else None
        state = self._folded(len(windows) - 1, lead, windows, NO_MARGIN, final)
        valid = None if self.job.missing is None else state[-1]
        if self.fold.finish is not None:
            divisors = self.job.divisors(windows, valid)
            self.fold.finish(state[: len(self.fold.parts)], divisors, out)
        elif state[0] is not out:
            out[...] = state[0]
        refuse_nan(self.job, lead, windows, out)
        if self.job.missing is not None:
            assert valid is not None
            self.job.missing.fill_short(out, valid, self.job.real_counts(windows))

    def _folded(
        self,
        axis: int,
        lead: tuple[Range, ...],
        windows: tuple[Windows, ...],
        margin: Margin,
        final: State | None = None,
    ) -> State:
        """The state of these windows, folded along the spatial axes up to ``axis``.

        Later axes still hold cells, the next one with ``margin`` cells of identity around it.
        ``final`` is where the result should go if it need not be somewhere else.
        """
        if axis < 0:
            return self._loaded(lead, windows, margin)
        w = windows[axis]
        pieces = self._piece_size(axis, lead, windows)
        if pieces < w.largest:
            return self._in_pieces(axis, lead, windows, margin, pieces)
        low, high = w.span(0, w.out)
        state = self._folded(axis - 1, lead, windows, _outside(w, low, high))
        place = self.job.lead + axis
        if w.out == 1 and w.largest == 1 and margin == NO_MARGIN:
            return state
        out = final
        if out is None:
            shape = list(state[0].shape)
            shape[place] = w.out
            out = self._with_margin(("axis", axis), tuple(shape), place + 1, margin)
        fold_windows(state, place, w, out_interior(out, place + 1, margin), self.how)
        return out

    def _in_pieces(
        self,
        axis: int,
        lead: tuple[Range, ...],
        windows: tuple[Windows, ...],
        margin: Margin,
        size: int,
    ) -> State:
        """One window along ``axis``, folded ``size`` cells at a time."""
        w = windows[axis]
        counter = TreeCounter(self.combine)
        last: State | None = None
        for skip in range(0, w.largest, size):
            piece = w.piece(skip, min(size, w.largest - skip))
            if piece.real(0) == 0:
                if piece.largest == size:
                    counter.push(None)
                continue
            part = (*windows[:axis], piece, *windows[axis + 1 :])
            state = tuple(p.copy() for p in self._folded(axis, lead, part, margin))
            if piece.largest == size:
                counter.push(state)
            else:
                last = state
        return counter.total(last)

    def _piece_size(self, axis: int, lead: tuple[Range, ...], windows: tuple[Windows, ...]) -> int:
        """How many cells along ``axis`` to fold at a time: a power of two, or the whole window.

        The first axis is cut to pieces of ``piece_bytes``; later ones, which run along memory,
        only where even their share of a single row is too large.
        """
        w = windows[axis]
        if w.out > 1:
            return w.largest
        share = self.piece_bytes >> (3 * axis)
        later = [v.end(v.out - 1) - v.starts[0] for v in windows[axis + 1 :]]
        inner = math.prod(self.job.inner) * self.job.source.dtype.itemsize
        planes = math.prod(high - low for low, high in lead)
        per_cell = math.prod(later) * inner * planes
        if w.largest * per_cell <= share:
            return w.largest
        return int(2 ** max(0, (share // max(1, per_cell)).bit_length() - 1))

    def _loaded(
        self, lead: tuple[Range, ...], windows: tuple[Windows, ...], margin: Margin
    ) -> State:
        """The state of single cells: those of the windows' spans that are real."""
        spans = tuple(_inside(w) for w in windows)
        box = (*lead, *spans, *((0, n) for n in self.job.inner))
        cells = self.job.source.read(box, self.buffers)
        missing, load = self.job.missing, self.fold.load
        if missing is None and load is None and margin == NO_MARGIN:
            return (cells,)
        state = self._with_margin("load", cells.shape, self.job.lead, margin)
        real = out_interior(state, self.job.lead, margin)
        if load is None:
            real[0][...] = cells
        else:
            load(
                cells,
                real[: len(self.fold.parts)],
                lambda: linear_places(self.job.cell_places, box),
            )
        if missing is not None:
            mask = missing.mask(cells)
            if mask.any():
                for part, neutral in zip(real, self.identity, strict=True):
                    np.copyto(part, neutral, where=mask)
            np.logical_not(mask, out=real[-1], casting="unsafe")
        return state

    def _with_margin(
        self, name: Hashable, shape: tuple[int, ...], place: int, margin: Margin
    ) -> State:
        """A state with room for ``shape``, and ``margin`` identity cells around axis ``place``."""
        if margin != NO_MARGIN:
            shape = (*shape[:place], shape[place] + sum(margin), *shape[place + 1 :])
        state = tuple(
            self.buffers.take((name, i), shape, dtype) for i, dtype in enumerate(self.parts)
        )
        if margin != NO_MARGIN:
            around = (slice(None),) * place
            for part, neutral in zip(state, self.identity, strict=True):
                part[(*around, slice(0, margin[0]))] = neutral
                part[(*around, slice(shape[place] - margin[1], None))] = neutral
        return state

    def _combine_with_valid(self, a: State, b: State, out: State) -> None:
        self.fold.combine(a[:-1], b[:-1], out[:-1])
        np.add(a[-1], b[-1], out=out[-1])


def fold_windows(state: State, axis: int, w: Windows, out: State, how: Folding) -> None:
    """Fold all windows of ``w`` along ``axis``; ``state`` spans them exactly."""
    if isinstance(w.starts, range) and isinstance(w.sizes, int):
        fold_axis(state, axis, w.sizes, w.starts.step, w.dilation, out, how)
        return
    low = w.starts[0]
    starts = [start - low for start in w.starts]
    sizes = [w.size(i) for i in range(w.out)]
    fold_uneven(state, axis, starts, sizes, out, how)


def out_interior(state: State, axis: int, margin: Margin) -> State:
    """The state without the ``margin`` around ``axis``."""
    if margin == NO_MARGIN:
        return state
    cut = (*(slice(None),) * axis, slice(margin[0], state[0].shape[axis] - margin[1]))
    return tuple(part[cut] for part in state)


def _inside(w: Windows) -> Range:
    """The real ones of the cells that these windows span."""
    low, high = w.span(0, w.out)
    return min(max(low, 0), w.n), min(max(high, 0), w.n)


def _outside(w: Windows, low: int, high: int) -> Margin:
    """How many of the cells ``low .. high-1`` lie before and past the axis."""
    span = high - low
    return min(max(0, -low), span), min(max(0, high - w.n), span)
