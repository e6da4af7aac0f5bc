"""Ops that sort a window: median, quantile and mode."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from poolcli.dtypes import as_typed
from poolcli.engine.buffers import Array
from poolcli.engine.cast import convert
from poolcli.engine.kernel import Cells, Gathered, Select
from poolcli.errors import InputError, UsageError
from poolcli.ops.floats import real_result, wide_float

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")
_PICKS = ("lower", "higher", "nearest")
_FEW_PARTS = 1 << 20


def median(cells: Cells, method: str) -> Select:
    """The middle of the sorted window, or between its two middle values."""
    return quantile(cells, 0.5, method)


def quantile(cells: Cells, q: float, method: str) -> Select:
    """The value at (n − 1)·q of the sorted window, by one of numpy.quantile's methods."""
    if not 0 <= q <= 1:
        raise UsageError(f"q {q}: must be from 0 to 1")
    if method not in METHODS:
        raise UsageError(f"method {method!r}: use {', '.join(METHODS)}")
    exact = as_typed(q)
    picks = method in _PICKS

    def ranks(n: int) -> tuple[int, ...]:
        low, part = _positions(np.array(n), exact)
        wanted = _pick(low, part, method) if picks else low
        below = int(wanted)
        return (below,) if picks or part == 0 else (below, below + 1)

    def blend(values: list[Array], n: int, out: Array) -> None:
        _, part = _positions(np.array(n), exact)
        _between(values[0], values[-1], part, exact.denominator, method, cells.fit, out)
        _one_zero(out)

    def choose(windows: Gathered, out: Array) -> None:
        counts = np.maximum(windows.counts, 1)
        low, part = _positions(counts, exact)
        if picks:
            low = _pick(low, part, method)
        high = low if picks else np.minimum(low + 1, counts - 1)
        if windows.valid is None:
            wanted = np.unique([low.flat[0], high.flat[0]])
            ordered = np.partition(windows.cells, wanted, axis=0)
        else:
            ordered = _sorted(windows)
        shape = (1, *windows.cells.shape[1:])
        below = np.take_along_axis(ordered, np.broadcast_to(low, shape), axis=0)[0]
        above = np.take_along_axis(ordered, np.broadcast_to(high, shape), axis=0)[0]
        _between(below, above, part, exact.denominator, method, cells.fit, out)
        _one_zero(out)

    result = cells.dtype if picks else real_result(cells)
    wanted = cells.target
    if not picks and wanted is not None and wanted.kind in "iu" and cells.dtype.kind in "iu":
        # Beyond 2⁵³ a value between two integers is no float64 any more.
        result = wanted if cells.dtype.itemsize == 8 else result
    return Select(result, choose, ranks=ranks, blend=blend)


def _positions(counts: Array, q: Fraction) -> tuple[Array, Array]:
    """The rank at or below (n − 1)·q, and how far beyond it that lies, for each count n."""
    if int(counts.max()) * q.denominator >= 2**63:
        counts = counts.astype(object)
    at = (counts - 1) * q.numerator
    low, rest = at // q.denominator, at % q.denominator
    return np.asarray(low, np.int64), np.asarray(rest / q.denominator, np.float64)


def _pick(low: Array, part: Array, method: str) -> Array:
    """The rank that a picking method takes; a tie of ``nearest`` goes to the even rank."""
    if method == "lower":
        return low
    if method == "higher":
        return np.asarray(low + (part > 0))
    return np.asarray(low + ((part > 0.5) | ((part == 0.5) & (low % 2 == 1))))


def _between(
    below: Array, above: Array, part: Array, parts: int, method: str, fit: str, out: Array
) -> None:
    """The value at ``part`` of the way, which is a whole number of ``1 / parts``."""
    if below is above or method in _PICKS:
        if out.dtype.kind in "iu":
            convert(below, out, fit)
        else:
            out[...] = below
        return
    weight: Any = part
    if method == "midpoint":
        weight, parts = np.where(part > 0, 0.5, 0.0), 2
    if out.dtype.kind in "iu":
        _between_integers(below, above, weight, fit, out)
        return
    wide = wide_float(below.dtype)
    low, high = below.astype(wide), above.astype(wide)
    if below.dtype.kind != "f" and below.dtype.itemsize <= 4 and parts < _FEW_PARTS:
        # Whole numbers that float64 holds exactly: a half is then a half when it is rounded.
        steps = np.rint(weight * parts)
        out[...] = (low * (parts - steps) + high * steps) / parts
        return
    # Equal neighbours give themselves, infinite ones included; so does a weight of 0.
    exact = (low == high) | (weight == 0)
    out[...] = np.where(exact, low, low * (1 - weight) + high * weight)


def _between_integers(below: Array, above: Array, weight: Array, fit: str, out: Array) -> None:
    """The same for 64-bit integers into an integer dtype, in Python's exact integers."""
    exact = np.frompyfunc(Fraction, 1, 1)
    low, high = below.astype(object), above.astype(object)
    values = low + (high - low) * exact(np.broadcast_to(weight, low.shape))
    whole = np.asarray(np.frompyfunc(round, 1, 1)(values), object)
    if fit == "exact" and (whole != values).any():
        example = float(values[whole != values][0])
        raise InputError(f"{example} is no whole number and does not fit {out.dtype}")
    convert(whole, out, fit)


def _sorted(windows: Gathered) -> Array:
    """The cells of each window in order, those that do not count at the end."""
    cells, dtype = windows.cells, windows.cells.dtype
    if windows.valid is not None:
        last: Any = np.inf if dtype.kind == "f" else dtype.kind == "b" or np.iinfo(dtype).max
        cells = np.where(windows.valid, cells, np.asarray(last, dtype))
    return np.sort(cells, axis=0)


def median_place(cells: Cells, method: str) -> Select:
    """The position of the median, the first cell of its value; the first NaN if there is any.

    Where the method takes a value between the two middles, the position is that of the lower one.
    """
    half = Fraction(1, 2)

    def choose(windows: Gathered, out: Array) -> None:
        valid = True if windows.valid is None else windows.valid
        low, part = _positions(np.maximum(windows.counts, 1), half)
        rank = _pick(low, part, method) if method in _PICKS else low
        ordered = _sorted(windows)
        index = np.broadcast_to(rank, ordered.shape[1:])[None]
        middle = np.take_along_axis(ordered, index, axis=0)
        found = (windows.cells == middle) & valid
        if cells.dtype.kind == "f":
            nan = np.isnan(windows.cells) & valid
            found = np.where(nan.any(axis=0), nan, found)
        places = np.where(found, windows.cell_places(), np.iinfo(np.int64).max)
        out[...] = places.min(axis=0)

    return Select(np.dtype(np.int64), choose)


def mode(cells: Cells) -> Select:
    """The most frequent value of the window, the smallest of several."""

    def choose(windows: Gathered, out: Array) -> None:
        ordered = _sorted(windows)
        rank = np.arange(len(ordered)).reshape(-1, *[1] * (ordered.ndim - 1))
        starts = np.zeros(ordered.shape, np.int64)
        np.copyto(starts[1:], rank[1:], where=ordered[1:] != ordered[:-1])
        np.maximum.accumulate(starts, axis=0, out=starts)
        # At each rank, how long the run of equal values is so far.
        run = np.where(rank < windows.counts, rank - starts + 1, 0)
        best = run.argmax(axis=0)[None]
        out[...] = np.take_along_axis(ordered, best, axis=0)[0]
        _one_zero(out)

    return Select(cells.dtype, choose)


def _one_zero(out: Array) -> None:
    """Make -0.0 the 0.0 that it equals: which of the two a sort leaves where is up to chance."""
    if out.dtype.kind == "f":
        out += out.dtype.type(0)
