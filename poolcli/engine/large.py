"""Pooling windows too large to be gathered: read in pieces, pass after pass."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from poolcli.engine.buffers import Array, Buffers
from poolcli.engine.cells import cut_box, refuse_nan
from poolcli.engine.counting import ranked
from poolcli.engine.job import Job
from poolcli.engine.kernel import Select
from poolcli.engine.storage import Range
from poolcli.windows import Windows

# Gathering and sorting take several times the memory of the cells. The tests make it small.
GATHER_MOST_BYTES = 1 << 23

# Channels whose cells are counted in the same passes.
LANES = 32


def is_too_large(job: Job, kernel: Select, windows: tuple[Windows, ...]) -> bool:
    """Whether these windows should be read in pieces, and can be."""
    dtype = job.source.dtype
    one = math.prod(min(w.largest, w.n) for w in windows) * dtype.itemsize
    return one > GATHER_MOST_BYTES and counts_ranks(kernel, dtype)


def counts_ranks(kernel: Select, dtype: np.dtype[Any]) -> bool:
    """Whether this op's results can be found by counting, see ``counting``."""
    return kernel.ranks is not None and kernel.sorts and dtype.itemsize <= 8


class LargeSelector:
    """Pools large windows of one job, one after another."""

    def __init__(self, job: Job, kernel: Select, buffers: Buffers) -> None:
        self.job, self.kernel, self.buffers = job, kernel, buffers

    def results(self, lead: tuple[Range, ...], windows: tuple[Windows, ...], out: Array) -> None:
        """Write the results of these windows to ``out``, of the kernel's result dtype."""
        counts = np.zeros(out.shape, np.int64)
        outer = out.shape[: self.job.lead + len(windows)]
        for place in np.ndindex(outer):
            first = tuple((low + i, low + i + 1) for (low, _), i in zip(lead, place, strict=False))
            numbers = place[self.job.lead :]
            one = tuple(w.part(i, i + 1) for w, i in zip(windows, numbers, strict=True))
            lanes = math.prod(out.shape[len(outer) :])
            total, results = np.zeros(lanes, np.int64), np.zeros(lanes, out.dtype)
            for low in range(0, lanes, LANES):
                some = slice(low, low + LANES)
                self._lanes(first, one, some, total[some], results[some])
            counts[place] = total.reshape(out.shape[len(outer) :])
            out[place] = results.reshape(out.shape[len(outer) :])
        missing, short = self.job.missing, None
        if missing is not None:
            short = missing.short(counts, self.job.real_counts(windows))
        if out.dtype.kind == "f":
            refuse_nan(self.job, lead, windows, out, short)
        if missing is not None and short is not None:
            missing.fill_short(out, short)

    def _lanes(
        self,
        lead: tuple[Range, ...],
        windows: tuple[Windows, ...],
        lanes: slice,
        total: Array,
        out: Array,
    ) -> None:
        """The counts and results of one window in some of the channels."""
        assert self.kernel.ranks is not None
        assert self.kernel.blend is not None
        missing, nan = self.job.missing, np.zeros(len(out), bool)

        def pieces() -> Iterator[tuple[Array, Array | None]]:
            for piece in self._pieces(lead, windows):
                cells = np.ascontiguousarray(piece.reshape(-1, math.prod(self.job.inner))[:, lanes])
                valid = None if missing is None else ~missing.mask(cells)
                if cells.dtype.kind == "f":
                    lost = np.isnan(cells) if valid is None else np.isnan(cells) & valid
                    np.logical_or(nan, lost.any(axis=0), out=nan)
                yield cells, valid

        dtype = self.job.source.dtype.newbyteorder("=")
        total[...], found = ranked(pieces, len(out), dtype, self.kernel.ranks)
        real = self.job.real_counts(windows)
        short = missing.short(total, real) if missing else np.zeros(len(total), bool)
        for lane, values in enumerate(found):
            if values and not short[lane]:
                result = out[lane : lane + 1]
                self.kernel.blend([np.array([v]) for v in values], int(total[lane]), result)
        out[nan] = np.nan if nan.any() else 0

    def _pieces(self, lead: tuple[Range, ...], windows: tuple[Windows, ...]) -> Iterator[Array]:
        """The real cells of one window, a piece at a time."""
        spans = tuple(w.real_span(0) for w in windows)
        inner = tuple((0, n) for n in self.job.inner)
        steps = (*(1 for _ in lead), *(w.dilation for w in windows), *(1 for _ in inner))
        for part in cut_box(self.job.source, (*lead, *spans, *inner), steps, len(lead + spans)):
            cells = self.job.source.read(part, self.buffers)
            yield cells[tuple(slice(None, None, step) for step in steps)]
