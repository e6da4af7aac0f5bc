"""Pooling one block with a select: the cells of each window side by side.

Windows that lie within the array and have no missing cells can go through a selection network,
whose wires are whole slices of the block. All others are gathered: along each axis an index array
says which cell stands at which place of which window. There is no loop over windows.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from poolcli.engine.arrays import Array, Buffers, Range
from poolcli.engine.cells import linear_places, refuse_nan
from poolcli.engine.job import Job
from poolcli.engine.kernel import Fold, Gathered, Kernel, Select
from poolcli.engine.large import LargeSelector, counts_ranks, is_too_large
from poolcli.engine.network import Step, selection_network
from poolcli.engine.tiles import Block
from poolcli.windows import Windows

# Networks grow faster than windows; from about here sorting gathered cells is quicker.
NETWORK_MOST = 64

# Gathered cells, and what becomes of them while they are sorted, counted or weighed.
SORTED_COPIES = 6


class BlockSelector:
    """Pools blocks of one job, one after another, with its own buffers."""

    def __init__(self, job: Job, kernel: Select, buffers: Buffers) -> None:
        self.job, self.kernel, self.buffers = job, kernel, buffers
        self.inner = tuple((0, n) for n in job.inner)

    def results(self, block: Block, out: Array) -> None:
        """Write the results of a block's windows to ``out``, of the kernel's result dtype."""
        lead = (slice(None),) * self.job.lead
        axes = [
            _segments(w, first, stop)
            for w, (first, stop) in zip(self.job.windows, block.windows, strict=True)
        ]
        for segment in itertools.product(*axes):
            first = [low for low, _ in block.windows]
            place = tuple(slice(a - f, b - f) for (a, b, _), f in zip(segment, first, strict=True))
            ranges = tuple((a, b) for a, b, _ in segment)
            windows = tuple(
                w.part(a, b) for w, (a, b) in zip(self.job.windows, ranges, strict=True)
            )
            target = out[(*lead, *place)]
            inside = all(within for *_, within in segment)
            if inside and has_network(self.job, self.kernel):
                self._through_network(block.lead, windows, target)
            elif is_too_large(self.job, self.kernel, windows):
                LargeSelector(self.job, self.kernel, self.buffers).results(
                    block.lead, windows, target
                )
            else:
                self._gather(block.lead, ranges, windows, target)

    def _through_network(
        self, lead: tuple[Range, ...], windows: tuple[Windows, ...], out: Array
    ) -> None:
        assert self.kernel.ranks is not None
        assert self.kernel.blend is not None
        spans = (w.span(0, w.out) for w in windows)
        cells = self.job.source.read((*lead, *spans, *self.inner), self.buffers)
        columns, length = math.prod(w.largest for w in windows[1:]), windows[0].largest
        ranks = self.kernel.ranks(columns * length)
        rows = [self._along(cells, 0, cut) for cut in _slices(windows[0])]
        steps: tuple[Step, ...] = ()
        wanted = ranks
        if self.kernel.sorts:
            network = selection_network(columns, length, ranks)
            rows = self._exchange(rows, network.sort, "row")
            steps, wanted = network.merge, network.wires
        else:
            # Places count in C order of the window; wires hold list after list along the rows.
            wanted = tuple((r % columns) * length + r // columns for r in ranks)
        wires = []
        for cuts in itertools.product(*map(_slices, windows[1:])):
            for row in rows:
                for axis, cut in enumerate(cuts, 1):
                    row = self._along(row, axis, cut)
                wires.append(row)
        wires = self._exchange(wires, steps, "wire")
        self.kernel.blend([wires[w] for w in wanted], columns * length, out)
        if out.dtype.kind == "f":
            refuse_nan(self.job, lead, windows, out, everywhere=not self.kernel.sorts)

    def _along(self, cells: Array, axis: int, cut: slice) -> Array:
        return cells[(*(slice(None),) * (self.job.lead + axis), cut)]

    def _exchange(self, wires: list[Array], steps: tuple[Step, ...], name: str) -> list[Array]:
        """Exchange wire by wire; a wire's memory is free again once nothing needs its value."""
        wires = list(wires)
        free: list[Array] = []
        owned: dict[int, Array] = {}
        made = 0

        def memory() -> Array:
            nonlocal made
            if free:
                return free.pop()
            made += 1
            return self.buffers.take((name, made), wires[0].shape, wires[0].dtype)

        for i, j, low, high in steps:
            a, b = wires[i], wires[j]
            old = [owned.pop(wire) for wire in (i, j) if wire in owned]
            if low:
                wires[i] = owned[i] = np.minimum(a, b, out=memory())
            if high:
                wires[j] = owned[j] = np.maximum(a, b, out=memory())
            free.extend(old)
        return wires

    def _gather(
        self,
        lead: tuple[Range, ...],
        ranges: tuple[Range, ...],
        windows: tuple[Windows, ...],
        out: Array,
    ) -> None:
        axes = [_AxisIndex(w, self.kernel.mirrors) for w in windows]
        spans = ((a.low, a.high) for a in axes)
        cells = self.job.source.read((*lead, *spans, *self.inner), self.buffers)
        first = self.job.lead
        for number, axis in reversed(list(enumerate(axes))):
            place = first + number
            taken = np.take(cells, axis.index.reshape(-1) - axis.low, axis=place)
            cells = taken.reshape(
                *cells.shape[:place], *axis.index.shape, *cells.shape[place + 1 :]
            )
        # Now each spatial axis is (window, place in the window): the places go to the front.
        places = [first + 2 * number + 1 for number in range(len(axes))]
        cells = np.moveaxis(cells, places, range(len(axes))).reshape(-1, *out.shape)
        valid, short = self._valid(axes, cells, windows)
        gathered = Gathered(
            cells,
            valid,
            weights=lambda: self._across([axis.weights() for axis in axes]),
            places=lambda: self._window_places(lead, ranges),
            cell_places=lambda: self._cell_places(lead, axes),
            sides=tuple(axis.index.shape[1] for axis in axes),
        )
        self.kernel.choose(gathered, out)
        if out.dtype.kind == "f" and cells.dtype.kind == "f":
            if self.kernel.sorts:
                nan = np.isnan(cells) if valid is None else np.isnan(cells) & valid
                out[nan.any(axis=0)] = np.nan
            refuse_nan(self.job, lead, windows, out, short, everywhere=not self.kernel.sorts)
        if self.job.missing is not None and short is not None:
            self.job.missing.fill_short(out, short)

    def _valid(
        self, axes: list[_AxisIndex], cells: Array, windows: tuple[Windows, ...]
    ) -> tuple[Array | None, Array | None]:
        """Which cells count (None: all), and which windows are too short, whose cells do not."""
        valid = self._across([axis.valid for axis in axes])
        missing = self.job.missing
        if missing is None:
            return None if valid.all() else valid, None
        valid = np.asarray(valid & ~missing.mask(cells))
        counts = valid.sum(axis=0, dtype=np.int64)
        short = missing.short(counts, self.job.real_counts(windows))
        return valid & ~short, short

    def _cell_places(self, lead: tuple[Range, ...], axes: list[_AxisIndex]) -> Array:
        """The position of each gathered cell in the whole array."""
        coefficients = self.job.cell_places
        last = self.job.lead + len(axes)
        total: Any = self._across(
            [a.index * c for a, c in zip(axes, coefficients[self.job.lead :], strict=False)],
            np.add,
        )
        flat = ((0, 1),) * len(axes)
        spatial = (0,) * len(axes)
        others = (*coefficients[: self.job.lead], *spatial, *coefficients[last:])
        return np.asarray(total + linear_places(others, (*lead, *flat, *self.inner)))

    def _across(self, tables: list[Array], combine: np.ufunc = np.multiply) -> Array:
        """One (window, place) table per axis combined, broadcasting to gathered cells."""
        count = len(tables)
        inner = len(self.job.inner)
        total: Any = None
        for number, table in enumerate(tables):
            windows, places = table.shape
            shape = [1] * (2 * count)
            shape[number], shape[count + number] = places, windows
            along = table.T.reshape(shape)
            total = along if total is None else combine(total, along)
        outs = [len(table) for table in tables]
        shape = [-1, *[1] * self.job.lead, *outs, *[1] * inner]
        return np.asarray(total).reshape(shape)

    def _window_places(self, lead: tuple[Range, ...], ranges: tuple[Range, ...]) -> Array:
        places = linear_places(self.job.window_places, (*lead, *ranges, *self.inner))
        return places + self.job.first_window


def gathered_bytes(
    kernel: Kernel, windows: tuple[Windows, ...], dtype: np.dtype[Any], inner: int
) -> int:
    """About how much memory the gathering of one window takes; 0 where it needs none of its own."""
    if isinstance(kernel, Fold) or counts_ranks(kernel, dtype):
        return 0
    cells = math.prod(places(w, mirrors=kernel.mirrors) for w in windows) * inner
    # What mirrors weighs its cells, as floats of 64 bits.
    itemsize = max(dtype.itemsize, 8) if kernel.mirrors else dtype.itemsize
    return cells * (SORTED_COPIES * itemsize + 8)


def refuse_windows(kernel: Kernel, windows: tuple[Windows, ...]) -> None:
    """Refuse windows that this kernel cannot pool in reasonable time and memory."""
    for w in windows:
        if isinstance(kernel, Fold):
            if w.reaches_far:
                from poolcli.engine.trimming import refuse_far  # late: few windows need it

                refuse_far(w)
        elif kernel.mirrors:
            from poolcli.engine.mirrored import refuse_weights

            refuse_weights(w)


def places(w: Windows, *, mirrors: bool) -> int:
    """The most places for which one window is gathered along its axis."""
    if not mirrors:
        return min(w.largest, w.n)
    from poolcli.engine.mirrored import mirror_period  # late, as below: one op mirrors

    return min(w.largest, mirror_period(w.n, w.dilation))


def has_network(job: Job, kernel: Select) -> bool:
    """Whether windows that no edge clips go through a network."""
    even = all(isinstance(w.sizes, int) and isinstance(w.starts, range) for w in job.windows)
    small = math.prod(w.largest for w in job.windows) <= NETWORK_MOST
    return even and small and kernel.ranks is not None and job.missing is None


class _AxisIndex:
    """Which cell stands at which place of which window, along one axis."""

    def __init__(self, w: Windows, mirrors: bool) -> None:
        starts = np.array(w.starts, np.int64)[:, None]
        self.sizes = (
            np.full((w.out, 1), w.sizes)
            if isinstance(w.sizes, int)
            else (np.array(w.sizes, np.int64)[:, None])
        )
        if mirrors:
            from poolcli.engine.mirrored import mirror, mirror_period

            self.period = mirror_period(w.n, w.dilation)
            first, counts = np.zeros_like(starts), np.minimum(self.sizes, self.period)
        else:
            # Only the real cells of a window: its padding may be as large as it likes.
            first = np.maximum(0, -(starts // w.dilation))
            last = np.minimum(self.sizes - 1, (w.n - 1 - starts) // w.dilation)
            counts = last - first + 1
        numbers = np.arange(counts.max(), dtype=np.int64)[None, :]
        self.valid = numbers < counts
        if mirrors:
            turn = 2 * max(1, w.n - 1)  # starts and dilations may be as large as they like, too
            index = mirror(starts % turn + numbers * (w.dilation % turn), w.n)
        else:
            index = starts + (first + numbers) * w.dilation
        real = index[self.valid]
        self.low, self.high = int(real.min()), int(real.max()) + 1
        # Places that hold no cell point at some cell; ``valid`` says that it does not count.
        self.index = np.where(self.valid, index, self.low)

    def weights(self) -> Array:
        """Binomial weights that sum to 1 for each mirrored window, as float64."""
        from poolcli.engine.mirrored import binomial_weights

        table = np.zeros(self.valid.shape)
        for size in np.unique(self.sizes).tolist():
            weights = binomial_weights(size, self.period)
            table[self.sizes[:, 0] == size, : len(weights)] = weights
        return table


def _slices(w: Windows) -> list[slice]:
    """For each place in the window, the cells of all windows at that place, from the first's."""
    step = w.starts.step if isinstance(w.starts, range) else 1
    reach = (w.out - 1) * step + 1
    return [slice(m * w.dilation, m * w.dilation + reach, step) for m in range(w.largest)]


def _segments(w: Windows, first: int, stop: int) -> list[tuple[int, int, bool]]:
    """Runs of the windows ``first .. stop-1``, and whether the axis' edges clip none of them."""
    clipped = w.part(first, stop).clipped()
    low = sum(1 for i, c in enumerate(clipped) if c == i)
    high = len(clipped) - low
    runs = [
        (first, first + low, False),
        (first + low, stop - high, True),
        (stop - high, stop, False),
    ]
    return [run for run in runs if run[0] < run[1]]
