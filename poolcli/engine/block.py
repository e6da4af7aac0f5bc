"""Pooling one block with a fold: load its cells, fold axis after axis, finish.

Each axis is folded into a buffer that already has the next axis's padding around it, filled with
the fold's identity: padding costs no copy and cannot win.
A block is as large as its windows; where a single window is larger than the cache (a global
average of a big picture, say), it is folded in pieces along an axis. The pieces are whole subtrees
of the window's tree (see ``fold``), so the result is the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, NamedTuple

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.cells import linear_places, refuse_nan
from poolcli.engine.fold import Folding, Wider, fold_axis, fold_uneven
from poolcli.engine.job import Job
from poolcli.engine.kernel import Fold, Load
from poolcli.engine.order import first_fold, fold_order, trimmed_windows
from poolcli.engine.storage import Range
from poolcli.engine.tiles import Block
from poolcli.engine.trees import SMALL_INNER, Combine, State, TreeCounter, inner_cuts
from poolcli.windows import Windows

Margin = tuple[int, int]
NO_MARGIN = (0, 0)

# What combining every other cell costs, in contiguous steps over elements of one byte.
STRIDED_COST = 16


class _Layer(NamedTuple):
    """The states of one fold, with a last part that counts cells where some can be missing."""

    load: Load | None
    parts: tuple[np.dtype[Any], ...]
    identity: tuple[Any, ...]
    combine: Combine


def _layer(fold: Fold, *, counts: bool) -> _Layer:
    if not counts:
        return _Layer(fold.load, fold.parts, fold.identity, fold.combine)

    def combine(a: State, b: State, out: State) -> None:
        fold.combine(a[:-1], b[:-1], out[:-1])
        np.add(a[-1], b[-1], out=out[-1])

    parts = (*fold.parts, np.dtype(np.int64))
    return _Layer(fold.load, parts, (*fold.identity, 0), combine)


class BlockFolder:
    """Folds blocks of one job, one after another, with its own buffers."""

    def __init__(self, job: Job, fold: Fold, piece_bytes: int, buffers: Buffers) -> None:
        self.job, self.fold, self.buffers = job, fold, buffers
        self.piece_bytes, self.inner, self.dense = piece_bytes, job.inner, 0
        self.order = fold_order(fold, job.windows)
        self.windows = trimmed_windows(fold, job.windows)
        counts = job.missing is not None
        self.layer = _layer(fold, counts=counts)
        last = job.lead + len(job.windows)
        self.slow_first = [a - job.lead for a in job.source.slow_first if job.lead <= a < last]
        first = first_fold(fold, job.windows)
        self.first = _layer(first, counts=counts)
        self.how = self._folding(self.layer)
        self.first_how = self.how
        if first is not fold:
            wider = Wider(fold.start_cells, self.how, self._widen)
            self.first_how = self._folding(self.first)._replace(wider=wider)

    def _folding(self, layer: _Layer) -> Folding:
        picks = self.fold.picks if self.job.missing is None else None
        return Folding(layer.parts, layer.identity, layer.combine, picks, self.buffers)

    def _widen(self, narrow: State, wide: State) -> None:
        """Load the states of the first fold as cells of the other."""
        load = self.fold.load
        assert load is not None
        load(narrow[0], wide[: len(self.fold.parts)], _no_places)
        if self.job.missing is not None:
            wide[-1][...] = narrow[-1]

    def results(self, block: Block, out: Array) -> None:
        """Write the results of a block's windows to ``out``, which has the fold's result dtype."""
        windows = _parts(self.windows, block)
        as_asked = _parts(self.job.windows, block)
        lead = block.lead
        last = len(windows) - 1
        self.dense = self._dense_step(windows[last])
        direct = self.fold.finish is None and self.job.missing is None and not self.dense
        state = self._folded(last, lead, windows, NO_MARGIN, (out,) if direct else None)
        if self.dense:
            wanted = (*(slice(None),) * (self.job.lead + last), slice(None, None, self.dense))
            state = tuple(part[wanted] for part in state)
        missing, valid, short = self.job.missing, None, None
        if missing is not None:
            valid = state[-1]
            short = missing.short(valid, self.job.real_counts(as_asked))
            if short.any():
                for part, neutral in zip(state, self.layer.identity, strict=True):
                    np.copyto(part, neutral, where=np.broadcast_to(short, part.shape))
        if self.fold.finish is not None:
            divisors = self.job.divisors(as_asked, valid)
            self.fold.finish(state[: len(self.fold.parts)], divisors, out)
        elif state[0] is not out:
            for cut in inner_cuts(state[0], out, self.job.lead + last) or [(...,)]:
                out[cut] = state[0][cut]
        refuse_nan(self.job, lead, as_asked, out, short)
        if missing is not None and short is not None:
            missing.fill_short(out, short)

    def _folded(
        self,
        turn: int,
        lead: tuple[Range, ...],
        windows: tuple[Windows, ...],
        margin: Margin,
        final: State | None = None,
    ) -> State:
        """The state of these windows, folded along the axes whose turn is up to ``turn``.

        Later axes still hold cells, the next one with ``margin`` cells of identity around it.
        ``final`` is where the result should go if it need not be somewhere else.
        """
        next_place = self.job.lead + self.order[min(turn + 1, len(windows) - 1)]
        if turn < 0:
            return self._loaded(lead, windows, next_place, margin)
        axis = self.order[turn]
        w = windows[axis]
        pieces = self._piece_size(turn, lead, windows)
        if pieces < w.largest:
            return self._in_pieces(turn, lead, windows, margin, pieces)
        low, high = w.span(0, w.out)
        state = self._folded(turn - 1, lead, windows, _outside(w, low, high))
        how = self.how if turn else self.first_how
        if w.out == 1 and w.largest == 1 and margin == NO_MARGIN and how.wider is None:
            return state
        if self.dense and axis == len(windows) - 1:
            w = w._replace(starts=range(w.starts[0], w.starts[-1] + 1))
        place, out = self.job.lead + axis, final
        if out is None:
            shape = list(state[0].shape)
            shape[place] = w.out
            out = self._with_margin(self.layer, ("axis", axis), tuple(shape), next_place, margin)
        fold_windows(state, place, w, out_interior(out, next_place, margin), how)
        return out

    def _dense_step(self, w: Windows) -> int:
        """The step between these windows of the last axis if they are folded at every cell, else 0.

        Along memory NumPy's steps over neighbours are several times as fast as steps over every
        other cell. So maxima are taken everywhere, and the wanted ones picked at the very end.
        """
        if w.out == 1 or self.how.picks is None or math.prod(self.inner) >= SMALL_INNER:
            return 0
        if not (isinstance(w.starts, range) and isinstance(w.sizes, int)):
            return 0
        step, size = w.starts.step, w.sizes
        strided = (size - 1) * STRIDED_COST / self.layer.parts[0].itemsize
        return step if step > 1 and (size - 1).bit_length() * step + 2 <= strided else 0

    def _in_pieces(
        self,
        turn: int,
        lead: tuple[Range, ...],
        windows: tuple[Windows, ...],
        margin: Margin,
        size: int,
    ) -> State:
        """One window along the axis of this turn, folded ``size`` cells at a time."""
        axis = self.order[turn]
        w = windows[axis]
        counter = TreeCounter(self.layer.combine)
        last: State | None = None
        for skip in range(0, w.largest, size):
            piece = w.piece(skip, min(size, w.largest - skip))
            if piece.real(0) == 0:
                if piece.largest == size:
                    counter.push(None)
                continue
            part = (*windows[:axis], piece, *windows[axis + 1 :])
            state = tuple(p.copy() for p in self._folded(turn, lead, part, margin))
            if piece.largest == size:
                counter.push(state)
            else:
                last = state
        return counter.total(last)

    def _piece_size(self, turn: int, lead: tuple[Range, ...], windows: tuple[Windows, ...]) -> int:
        """How many cells of a single window to fold at a time: a power of two, or all.

        The axis that is slowest in memory is cut to pieces of ``piece_bytes``; others only where
        even their share of a single cell of those is too large.
        """
        axis = self.order[turn]
        w = windows[axis]
        if w.out > 1:
            return w.largest
        slower = self.slow_first[: self.slow_first.index(axis)]
        share = self.piece_bytes >> (3 * len(slower))
        per_cell = math.prod(self.inner) * self.job.source.dtype.itemsize
        per_cell *= math.prod(high - low for low, high in lead)
        for other, v in enumerate(windows):
            # A single window that is slower in memory is cut to pieces of its own.
            if other != axis and (v.out > 1 or other not in slower):
                low, high = v.span(0, v.out)
                per_cell *= high - low
        if w.largest * per_cell <= share:
            return w.largest
        least = self.fold.start_cells if turn == 0 and self.first_how.wider else 1
        return int(max(least, 2 ** max(0, (share // max(1, per_cell)).bit_length() - 1)))

    def _loaded(
        self, lead: tuple[Range, ...], windows: tuple[Windows, ...], place: int, margin: Margin
    ) -> State:
        """The state of the real cells of the windows' spans, with ``margin`` around one axis."""
        spans = tuple(_inside(w) for w in windows)
        box = (*lead, *spans, *((0, n) for n in self.inner))
        cells = self.job.source.read(box, self.buffers)
        missing, load = self.job.missing, self.first.load
        if missing is None and load is None and margin == NO_MARGIN:
            return (cells,)
        state = self._with_margin(self.first, "load", cells.shape, place, margin)
        real = out_interior(state, place, margin)
        if load is None:
            real[0][...] = cells
        else:
            load(
                cells,
                real[: len(self.first.parts) - (missing is not None)],
                lambda: linear_places(self.job.cell_places, box),
            )
        if missing is not None:
            mask = missing.mask(cells)
            if mask.any():
                for part, neutral in zip(real, self.first.identity, strict=True):
                    np.copyto(part, neutral, where=mask)
            np.logical_not(mask, out=real[-1], casting="unsafe")
        return state

    def _with_margin(
        self, layer: _Layer, name: Hashable, shape: tuple[int, ...], place: int, margin: Margin
    ) -> State:
        """A state with room for ``shape``, and ``margin`` identity cells around axis ``place``."""
        if margin != NO_MARGIN:
            shape = (*shape[:place], shape[place] + sum(margin), *shape[place + 1 :])
        state = tuple(
            self.buffers.take((name, i), shape, dtype) for i, dtype in enumerate(layer.parts)
        )
        if margin != NO_MARGIN:
            around = (slice(None),) * place
            for part, neutral in zip(state, layer.identity, strict=True):
                part[(*around, slice(0, margin[0]))] = neutral
                part[(*around, slice(shape[place] - margin[1], None))] = neutral
        return state


def fold_windows(state: State, axis: int, w: Windows, out: State, how: Folding) -> None:
    """Fold all windows of ``w`` along ``axis``; ``state`` spans them exactly."""
    if isinstance(w.starts, range) and isinstance(w.sizes, int):
        fold_axis(state, axis, w.sizes, w.starts.step, w.dilation, out, how)
        return
    starts = np.array(w.starts, np.int64) - w.span(0, w.out)[0]
    sizes = np.array(np.broadcast_to(w.sizes, w.out), np.int64)
    fold_uneven(state, axis, starts, sizes, w.dilation, out, how)


def out_interior(state: State, axis: int, margin: Margin) -> State:
    """The state without the ``margin`` around ``axis``."""
    if margin == NO_MARGIN:
        return state
    cut = (*(slice(None),) * axis, slice(margin[0], state[0].shape[axis] - margin[1]))
    return tuple(part[cut] for part in state)


def _parts(windows: tuple[Windows, ...], block: Block) -> tuple[Windows, ...]:
    """The windows of one block."""
    return tuple(w.part(*part) for w, part in zip(windows, block.windows, strict=True))


def _inside(w: Windows) -> Range:
    """The real ones of the cells that these windows span."""
    low, high = w.span(0, w.out)
    return min(max(low, 0), w.n), min(max(high, 0), w.n)


def _outside(w: Windows, low: int, high: int) -> Margin:
    """How many of the cells ``low .. high-1`` lie before and past the axis."""
    span = high - low
    return min(max(0, -low), span), min(max(0, high - w.n), span)


def _no_places() -> Array:
    raise AssertionError("only cells have places")
