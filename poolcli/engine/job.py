"""What one run of the engine is given, beside the op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.kernel import Counts, Fold
from poolcli.windows import Windows


@dataclass(frozen=True)
class Missing:
    """Which cells do not count, and what a window without any other cell gives."""

    skip_nan: bool
    nodata: Any | None
    """A value of the cells' dtype, or None."""
    fill: Any
    """Of the results' dtype."""

    def mask(self, cells: Array) -> Array:
        """True where a cell is missing."""
        if self.nodata is None:
            return np.asarray(np.isnan(cells))
        mask = np.equal(cells, self.nodata)
        if self.skip_nan:
            mask |= np.isnan(cells)
        return np.asarray(mask)


@dataclass(frozen=True)
class Job:
    """Views of the source and the output, the windows, and the rules that hold for all ops.

    ``source`` and ``out`` have the axes (lead…, spatial…, inner…); ``out`` has one cell per window
    along each spatial axis.
    """

    fold: Fold
    source: Array
    out: Array
    windows: tuple[Windows, ...]
    lead: int
    missing: Missing | None = None
    refuse_nan: bool = False
    divisor: float | None = None
    count_include_pad: bool = False
    fit: str = "exact"

    @property
    def inner(self) -> tuple[int, ...]:
        """The lengths of the inner axes."""
        return self.source.shape[self.lead + len(self.windows) :]

    def counts(self, windows: tuple[Windows, ...], valid: Array | None) -> Counts:
        """What a sum over each of these windows is divided by to make it an average.

        ``valid`` holds the number of cells that are not missing, where some can be.
        """
        if self.divisor is not None:
            return self.divisor
        if valid is None:
            return self._product([_counts(w, self.count_include_pad) for w in windows])
        if not self.count_include_pad:
            return valid
        padding = self._product([_counts(w, True) for w in windows]) - self._product(
            [_counts(w, False) for w in windows]
        )
        return valid + padding

    def _product(self, counts: list[int | Array]) -> int | Array:
        """The outer product over the spatial axes, broadcasting against a block of output."""
        total: int | Array = 1
        for axis, count in enumerate(counts):
            if not isinstance(count, int):
                after = len(counts) - axis - 1 + len(self.inner)
                count = count.reshape(-1, *[1] * after)
            total = total * count
        return total


def _counts(w: Windows, explicit: bool) -> int | Array:
    """The cells of each window that are real (or explicit padding); one number if all are alike."""
    of = w.explicit if explicit else w.real
    clipped = w.clipped()
    if isinstance(w.sizes, int) and not clipped:
        return w.sizes
    counts = np.full(w.out, w.sizes, np.int64)
    for i in clipped:
        counts[i] = of(i)
    return int(counts[0]) if (counts == counts[0]).all() else counts
