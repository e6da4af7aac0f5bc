"""Which cell an op has picked, for ops whose results are cells although no indices are promised."""

from __future__ import annotations

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.kernel import Cells, Gathered, Select
from poolcli.engine.ranked import METHODS, mode, quantile
from poolcli.engine.stochastic import MODES, draw
from poolcli.errors import UsageError

_PICKING = ("lower", "higher", "nearest")
_NOWHERE = np.iinfo(np.int64).max


def quantile_place(cells: Cells, q: float, method: str) -> Select:
    """The position of the quantile; of the lower one, where it lies between two values."""
    if method not in METHODS:
        raise UsageError(f"method {method!r}: use {', '.join(METHODS)}")
    return _place_of(quantile(cells, q, method if method in _PICKING else "lower"))


def mode_place(cells: Cells) -> Select:
    """The position of the first cell that has the most frequent value."""
    return _place_of(mode(cells))


def first_place(cells: Cells) -> Select:
    """The position of the first cell that counts."""

    def choose(windows: Gathered, out: Array) -> None:
        valid = np.broadcast_to(_valid(windows), windows.cells.shape)
        out[...] = _first(valid, windows)

    return Select(np.dtype(np.int64), choose, sorts=False)


def drawn_place(cells: Cells, mode: str, seed: int, negatives: str) -> Select:
    """The position of the cell that stochastic pooling draws, by the same draw; −1 for a mean."""
    if mode not in MODES:
        raise UsageError(f"mode {mode!r}: use {' or '.join(MODES)}")

    def choose(windows: Gathered, out: Array) -> None:
        if mode == "expected":
            out[...] = -1
            return
        _, drawn = draw(windows, seed, negatives)
        places = np.broadcast_to(windows.cell_places(), windows.cells.shape)
        out[...] = np.take_along_axis(places, drawn, axis=0)[0]

    return Select(np.dtype(np.int64), choose, sorts=False)


def _place_of(kernel: Select) -> Select:
    """The position of the first cell that is what ``kernel`` gives, or else of the first NaN."""

    def choose(windows: Gathered, out: Array) -> None:
        values = np.empty(out.shape, kernel.result)
        kernel.choose(windows, values)
        valid = _valid(windows)
        found = (windows.cells == values) & valid
        if windows.cells.dtype.kind == "f":
            nan = np.isnan(windows.cells) & valid
            found = np.where(nan.any(axis=0), nan, found)
        out[...] = _first(np.broadcast_to(found, windows.cells.shape), windows)

    return Select(np.dtype(np.int64), choose)


def _valid(windows: Gathered) -> Array | bool:
    return True if windows.valid is None else windows.valid


def _first(found: Array, windows: Gathered) -> Array:
    """The position of the first of the cells that are found in each window, in C order."""
    return np.asarray(np.where(found, windows.cell_places(), _NOWHERE).min(axis=0))
