"""How the windows of an array are cut into blocks that fit the cache."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from poolcli.engine.storage import Range
from poolcli.windows import Windows

MOST_BYTES = 1 << 23
"""A block may grow to this many bytes so that overlapping windows share their work."""

LEAST_RUN = 256
"""Results are written in runs of at least so many where that costs reading in short runs."""


class Block(NamedTuple):
    """A part of the output: ranges of lead cells, and of windows along each spatial axis."""

    lead: tuple[Range, ...]
    windows: tuple[Range, ...]


@dataclass(frozen=True)
class Tiling:
    """The blocks of one array, numbered in C order of the output; block ``i`` is made on demand."""

    lead: tuple[int, ...]
    out: tuple[int, ...]
    steps: tuple[int, ...]
    """Cells or windows per block, for each lead axis and then each spatial axis."""

    @property
    def counts(self) -> tuple[int, ...]:
        """Blocks along each lead axis and each spatial axis."""
        return tuple(-(-n // s) for n, s in zip(self.lead + self.out, self.steps, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def blocks(self, first: int, stop: int) -> Iterator[Block]:
        """The blocks numbered ``first .. stop-1``."""
        axes = self.lead + self.out
        places = itertools.product(*map(range, self.counts))
        for place in itertools.islice(places, first, stop):
            ranges = tuple(
                (i * step, min((i + 1) * step, n))
                for i, step, n in zip(place, self.steps, axes, strict=True)
            )
            yield Block(ranges[: len(self.lead)], ranges[len(self.lead) :])


def tile(
    lead: tuple[int, ...],
    windows: Sequence[Windows],
    inner_bytes: int,
    slow_first: Sequence[int],
    block_bytes: int,
    *,
    pieces: bool = True,
    along: int | None = None,
) -> Tiling:
    """Cut the windows of an array into blocks of about ``block_bytes`` of input.

    ``inner_bytes`` is the size of one cell with all its inner axes. Axes are cut from the one that
    is slowest in memory, so that a block is as contiguous as it can be: whole planes where several
    fit, else runs of rows of one plane, else parts of rows. ``pieces``: a single window can be
    larger than a block, as it can be taken in pieces. ``along``: the axis along which results lie
    in memory, where that is not the cells' own; it stays long enough for results to be written in
    runs, and the others are cut more.
    """
    axes = len(lead) + len(windows)
    # Where padding makes more windows than there are cells, it is results that take the memory.
    extents = [*lead, *(max(w.n, w.out) for w in windows)]
    steps = [*lead, *(w.out for w in windows)]
    for axis in slow_first:
        if axis >= axes or math.prod(extents) * inner_bytes <= block_bytes:
            continue
        others = math.prod(extents[:axis] + extents[axis + 1 :]) * inner_bytes
        if axis < len(lead):
            steps[axis] = extents[axis] = max(1, min(lead[axis], block_bytes // max(1, others)))
        else:
            w = windows[axis - len(lead)]
            if pieces and w.out == 1 and others <= block_bytes:
                break  # one window, which is folded in pieces
            if w.out > 1 and 2 * _reach(w, 1) * others > MOST_BYTES:
                cells = 2 * _reach(w, 1)
                _narrow(axis, slow_first, windows, len(lead), steps, extents, cells, inner_bytes)
                others = math.prod(extents[:axis] + extents[axis + 1 :]) * inner_bytes
            steps[axis] = _windows_within(w, others, block_bytes)
            if axis == along:
                steps[axis] = min(w.out, max(steps[axis], LEAST_RUN))
            extents[axis] = _reach(w, steps[axis])
        if steps[axis] > 1 and axis != along:
            break
    return Tiling(lead, tuple(w.out for w in windows), tuple(steps))


def _narrow(
    axis: int,
    slow_first: Sequence[int],
    windows: Sequence[Windows],
    lead: int,
    steps: list[int],
    extents: list[int],
    cells: int,
    inner_bytes: int,
) -> None:
    """Take part of the next faster spatial axis, so that ``cells`` along this one fit a block.

    A block of fewer would fold every one of its large windows from the start.
    """
    later = [a for a in slow_first[slow_first.index(axis) + 1 :] if lead <= a < lead + len(windows)]
    if later:
        w, rest = windows[later[0] - lead], math.prod(extents) // max(1, extents[axis])
        room = MOST_BYTES * extents[later[0]] // max(1, cells * rest * inner_bytes)
        steps[later[0]] = max(1, min(w.out, (room - _reach(w, 1)) // _stride(w) + 1))
        extents[later[0]] = _reach(w, steps[later[0]])


def _windows_within(w: Windows, cell_bytes: int, block_bytes: int) -> int:
    """How many windows along an axis a block takes, at least one.

    Neighbouring blocks read the overlap of their windows twice, so a block holds at least as many
    cells again as one window overlaps with the next, where memory allows it.
    """
    one = _reach(w, 1)
    wanted = max(block_bytes, min(2 * one * cell_bytes, MOST_BYTES))
    cells = wanted // max(1, cell_bytes)
    if not w.in_order:  # nearly every window reaches nearly every cell
        low, high = w.span(0, w.out)
        return min(w.out, max(1, cells)) if (high - low) * cell_bytes <= MOST_BYTES else 1
    return max(1, min(w.out, (cells - one) // _stride(w) + 1))


def _reach(w: Windows, count: int) -> int:
    low, high = w.span(0, w.out)
    return min((count - 1) * _stride(w) + (w.largest - 1) * w.dilation + 1, high - low)


def _stride(w: Windows) -> int:
    return w.starts.step if isinstance(w.starts, range) and w.out > 1 else w.largest
