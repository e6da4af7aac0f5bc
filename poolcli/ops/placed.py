"""Ops for which it matters where in its window a cell stands: subsample and blur."""

from __future__ import annotations

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.kernel import Cells, Gathered, Select
from poolcli.ops.floats import real_result, wide_float


def subsample(cells: Cells) -> Select:
    """The first cell of each window that counts."""

    def choose(windows: Gathered, out: Array) -> None:
        if windows.valid is None:
            out[...] = windows.cells[0]
            return
        valid = np.broadcast_to(windows.valid, windows.cells.shape)
        first = valid.argmax(axis=0)[None]
        out[...] = np.take_along_axis(windows.cells, first, axis=0)[0]

    def blend(values: list[Array], n: int, out: Array) -> None:
        out[...] = values[0]

    return Select(cells.dtype, choose, ranks=lambda n: (0,), blend=blend, sorts=False)


def blur(cells: Cells) -> Select:
    """The mean weighted by binomial coefficients around the window's centre."""
    wide = wide_float(real_result(cells))

    def choose(windows: Gathered, out: Array) -> None:
        weights = windows.weights().astype(wide)
        values = windows.cells.astype(wide)
        if windows.valid is None:
            out[...] = windows.sum(_weighed(values, weights))
            return
        weights = np.where(windows.valid, weights, 0)
        values = np.where(windows.valid, values, -0.0)  # which leaves a sum of -0.0 as it is
        out[...] = windows.sum(_weighed(values, weights)) / windows.sum(weights)

    return Select(real_result(cells), choose, mirrors=True)


def _weighed(values: Array, weights: Array) -> Array:
    """Values times weights; an infinity keeps its own where that is less than any float."""
    products = values * weights
    if not weights.all():
        np.copyto(products, values, where=(weights == 0) & np.isinf(values))
    return np.asarray(products)
