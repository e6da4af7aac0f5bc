"""NumPy: reductions of all windows of a plane, and windows as shifted slices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.elsewhere import Run


def prepare(function: str, x: np.ndarray, args: dict[str, Any], threads: int | None = None) -> Run:
    """A reduction of NumPy over windows of a ``size`` at every cell of a plane, or ``slices``."""
    if function == "slices":
        return _slices(x, **args)
    args, reduce = dict(args), getattr(np, function)
    cells = np.lib.stride_tricks.sliding_window_view(x, args.pop("size"))
    cells = cells.reshape(*cells.shape[:2], -1)
    if function != "ptp" and x.dtype.kind == "f":
        cells = cells.astype(np.float64)
    return lambda: reduce(cells, axis=-1, **args)


def _slices(x: np.ndarray, op: str, size: int, stride: int, first: int = 2) -> Run:
    """One whole-array ufunc per cell of the window, spatial axes from ``first`` on."""
    combine = {"max": np.maximum, "avg": np.add}[op]
    around = (slice(None),) * first
    counts = [(n - size) // stride + 1 for n in x.shape[first : first + 2]]

    def run() -> Any:
        total: Any = None
        for corner in itertools.product(range(size), repeat=2):
            cut = tuple(
                slice(at, at + (n - 1) * stride + 1, stride)
                for at, n in zip(corner, counts, strict=True)
            )
            cells = x[(*around, *cut)]
            total = cells.copy() if total is None else combine(total, cells, out=total)
        return total / x.dtype.type(size * size) if op == "avg" else total

    return run
