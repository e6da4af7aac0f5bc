"""What one run of the engine is given, beside the op."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from poolcli.dtypes import as_typed
from poolcli.engine.arrays import Array, Source, Target
from poolcli.engine.kernel import Counts, Kernel
from poolcli.windows import Windows


class Missing(NamedTuple):
    """Which cells do not count, and what a window with too few others gives."""

    skip_nan: bool
    nodata: Any | None
    """A value of the cells' dtype, or None."""
    fill: Any
    """Of the results' dtype."""
    least: float = 0.0
    """The fraction of a window's real cells that must be there; one at least always must."""

    def mask(self, cells: Array) -> Array:
        """True where a cell is missing."""
        if self.nodata is None:
            return np.asarray(np.isnan(cells) if self.skip_nan else np.zeros(cells.shape, bool))
        mask = np.equal(cells, self.nodata)
        if self.skip_nan:
            mask |= np.isnan(cells)
        return np.asarray(mask)

    def short(self, valid: Array, real: Counts) -> Array:
        """True for windows that have too few of their ``real`` cells: an op never sees those."""
        # As typed, and in whole numbers: 7 of 25 cells are 0.28, and 0.28 · 25 as floats is more.
        least = as_typed(self.least).limit_denominator(10**9)
        short = (valid == 0) | (valid * least.denominator < real * least.numerator)
        return np.asarray(short)

    def fill_short(self, results: Array, short: Array) -> None:
        """Give windows that are too short what stands for missing."""
        results[np.broadcast_to(short, results.shape)] = self.fill


class Job(NamedTuple):
    """The source and the target, the windows, and the rules that hold for all ops.

    Source and target have the axes (lead…, spatial…, inner…); the target has one cell per window
    along each spatial axis. ``cell_places`` and ``window_places`` number cells and windows: the
    number of one is the sum of coordinate times coefficient over these axes.
    """

    kernel: Kernel
    source: Source
    target: Target
    windows: tuple[Windows, ...]
    lead: int
    cell_places: tuple[int, ...]
    window_places: tuple[int, ...]
    missing: Missing | None = None
    first_window: int = 0
    """The number of the first of these windows, which are perhaps only some of all."""
    refuse_nan: bool = False
    divisor: float | None = None
    count_include_pad: bool = False
    fit: str = "exact"

    @property
    def inner(self) -> tuple[int, ...]:
        """The lengths of the inner axes."""
        return self.source.shape[self.lead + len(self.windows) :]

    def real_counts(self, windows: tuple[Windows, ...]) -> int | Array:
        """How many real cells each of these windows has."""
        return self._product([_counts(w, explicit=False) for w in windows])

    def divisors(self, windows: tuple[Windows, ...], valid: Array | None) -> Counts:
        """What a sum over each of these windows is divided by to make it an average.

        ``valid`` holds the number of cells that are not missing, where some can be.
        """
        if self.divisor is not None:
            return float(self.divisor)
        if not self.count_include_pad:
            return self.real_counts(windows) if valid is None else valid
        padded = self._product([_counts(w, explicit=True) for w in windows])
        return padded if valid is None else valid + (padded - self.real_counts(windows))

    def _product(self, counts: list[int | Array]) -> int | Array:
        """The outer product over the spatial axes, broadcasting against a block of output."""
        total: int | Array = 1
        for axis, count in enumerate(counts):
            if not isinstance(count, int):
                after = len(counts) - axis - 1 + len(self.inner)
                count = count.reshape(-1, *[1] * after)
            total = total * count
        return total


def _counts(w: Windows, *, explicit: bool) -> int | Array:
    """The cells of each window that are real (or explicit padding); one number if all are alike."""
    clipped = w.clipped()
    if isinstance(w.sizes, int) and not clipped:
        return w.sizes
    counts = np.empty(w.out, np.int64)
    counts[...] = w.sizes
    for i in clipped:
        counts[i] = w.explicit(i) if explicit else w.real(i)
    return int(counts[0]) if (counts == counts[0]).all() else counts
