"""SciPy: filters, which have a result at every cell, and statistics of windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.elsewhere import Run

STATISTICS = ("mode", "iqr", "pmean")


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A filter of ``scipy.ndimage``, or one of ``scipy.stats`` of all windows of a plane.

    With a ``stride`` a filter's windows that lie in the plane are taken out of all that it makes.
    """
    from scipy import ndimage, stats

    args = dict(args)
    if function not in STATISTICS:
        stride, pool = args.pop("stride", None), getattr(ndimage, function)
        if stride is None:
            return lambda: pool(x, **args)
        return lambda: inside(pool(x, **args), args["size"], stride)
    cells = np.lib.stride_tricks.sliding_window_view(x, (args["size"],) * 2)
    cells = cells.reshape(*cells.shape[:2], -1)
    if function == "pmean":
        return lambda: stats.pmean(cells.astype(np.float64), 3, axis=-1)
    if function == "iqr":
        return lambda: stats.iqr(cells, axis=-1)
    return lambda: stats.mode(cells, axis=-1).mode


def inside(filtered: np.ndarray, size: int, stride: int) -> np.ndarray:
    """Of a filter's results at every cell, those of windows of odd size that lie in the array."""
    low, high = size // 2, -(size // 2) or None
    return filtered[low:high:stride, low:high:stride]
