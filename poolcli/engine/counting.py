"""Ranks of windows too large to be gathered: by counting, in a few passes over their cells.

Cells are seen as unsigned integers in the same order, their *keys*. A first pass counts the upper
16 bits of all keys, which tells for each wanted rank in which of 65,536 bins it lies; every further
pass counts the next 16 bits of the keys in those bins alone. So a window takes no more memory than
one of its pieces and a few tables, and at most four passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from poolcli.engine.arrays import Array

BITS = 16

Pieces = Callable[[], Iterable[tuple[Array, Array | None]]]
"""The cells of a window, from the start: each piece is (cells, lanes), with a mask of those that
count (None: all do). Lanes are windows beside each other, the channels of a picture say."""


Tables = dict[tuple[int, int | None], Array]
"""How many keys of a lane begin with a prefix and go on with each of the next 16 bits."""


@dataclass
class _Search:
    """One wanted rank of one lane, and what is known of its key."""

    lane: int
    rank: int
    """Among the cells whose keys begin with ``prefix``."""

    prefix: int | None = None
    """The bits of the key that are known, None before the first pass."""

    def narrow(self, counts: Array) -> None:
        """Go into the bin in which the rank lies."""
        ends = np.cumsum(counts)
        bin_ = int(np.searchsorted(ends, self.rank, side="right"))
        self.rank -= int(ends[bin_] - counts[bin_])
        self.prefix = (self.prefix or 0) << BITS | bin_


def ranked(
    pieces: Pieces, lanes: int, dtype: np.dtype[Any], ranks: Callable[[int], tuple[int, ...]]
) -> tuple[list[int], list[list[Any]]]:
    """For each lane, how many cells count and which of them have the wanted ``ranks`` of so many.

    Cells are numbers of up to 64 bits, none of them NaN.

    >>> cells = np.array([[3], [1], [2]], np.int8)
    >>> ranked(lambda: [(cells, None)], 1, cells.dtype, lambda n: (0, n - 1))
    ([3], [[np.int8(1), np.int8(3)]])
    """
    shift = max(0, 8 * dtype.itemsize - BITS)
    every: Tables = {(lane, None): np.zeros(1 << BITS, np.int64) for lane in range(lanes)}
    _count(pieces, every, shift)
    totals = [int(every[lane, None].sum()) for lane in range(lanes)]
    searches = [_Search(lane, rank) for lane, n in enumerate(totals) if n for rank in ranks(n)]
    counts = every
    while True:
        for search in searches:
            search.narrow(counts[search.lane, search.prefix])
        if not shift:
            break
        shift -= BITS
        counts = {(s.lane, s.prefix): np.zeros(1 << BITS, np.int64) for s in searches}
        _count(pieces, counts, shift)
    found: list[list[Any]] = [[] for _ in range(lanes)]
    for search in searches:
        found[search.lane].append(_value(search.prefix or 0, dtype))
    return totals, found


def _count(pieces: Pieces, counts: Tables, shift: int) -> None:
    """Add the keys of all pieces to the tables; ``shift`` bits of each come later."""
    for cells, valid in pieces():
        for lane in {lane for lane, _ in counts}:
            column = cells[:, lane] if valid is None else cells[:, lane][valid[:, lane]]
            keys = _keys(column) >> shift
            for (_, prefix), table in ((k, t) for k, t in counts.items() if k[0] == lane):
                within = keys[keys >> BITS == prefix] if prefix is not None else keys
                low = (within & ((1 << BITS) - 1)).astype(np.intp)
                table += np.bincount(low, minlength=1 << BITS)


def _keys(cells: Array) -> Array:
    """Unsigned integers of at least 16 bits in the order of the cells."""
    unsigned = np.dtype(f"u{cells.dtype.itemsize}")
    bits, sign = cells.view(unsigned), unsigned.type(1 << (8 * unsigned.itemsize - 1))
    if cells.dtype.kind == "f":
        bits = np.where(bits & sign, ~bits, bits | sign)
    elif cells.dtype.kind == "i":
        bits = bits ^ sign
    return np.asarray(bits, np.result_type(unsigned, np.uint16))


def _value(key: int, dtype: np.dtype[Any]) -> Any:
    """The cell that has this key."""
    width = 8 * dtype.itemsize
    sign = 1 << (width - 1)
    if dtype.kind == "i":
        key ^= sign
    elif dtype.kind == "f":
        key = key ^ sign if key & sign else (1 << width) - 1 - key
    return np.array(key, f"u{dtype.itemsize}").view(dtype)[()]
