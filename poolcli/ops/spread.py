"""Variance and standard deviation of a window: about as near to the exact result as a mean is.

Windows are merged as (count, mean, squared deviations), which does not cancel the way a difference
of sums does: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm". Mean and
squares are each kept as an unevaluated sum of two floats, so that a mean that is large beside the
deviations takes none of their digits. Narrow integers are summed exactly instead.
"""

from __future__ import annotations

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.kernel import Cells, Counts, Fold, Places
from poolcli.engine.trees import State
from poolcli.errors import UsageError
from poolcli.ops.floats import real_result, two_sum, wide_float

_SCALE = 2.0**-530
# So many squares of 16-bit numbers are within 64 bits, and twice as many almost.
_MOST_SQUARES = 1 << 30
_HALF = 1 << 32
_MOST_DDOF = 2**60  # more than any window has


def variance(cells: Cells, ddof: int) -> Fold:
    """The fold of Σ(x − mean)² / (n − ddof)."""
    return _spread(cells, ddof, root=False)


def deviation(cells: Cells, ddof: int) -> Fold:
    """The fold of the square root of the variance."""
    return _spread(cells, ddof, root=True)


def _spread(cells: Cells, ddof: int, *, root: bool) -> Fold:
    if ddof < 0:
        raise UsageError(f"ddof {ddof}: must be at least 0")
    if cells.dtype.kind != "f" and cells.dtype.itemsize <= 2 and cells.most <= _MOST_SQUARES:
        return _exact_fold(cells, ddof, root=root)
    return _paired_fold(cells, ddof, 1.0, root=root)


def _give(squares: Array, count: Array, ddof: int, out: Array, *, root: bool) -> Array:
    """Squared deviations over n − ddof, or the root of that, in ``out`` too; else NaN."""
    rest = count - min(ddof, _MOST_DDOF)
    result: Array = np.full(out.shape, np.nan, squares.dtype)
    np.divide(squares, rest, where=rest > 0, out=result)
    if root:
        np.sqrt(result, out=result)
    out[...] = result
    return result


def _exact_fold(cells: Cells, ddof: int, *, root: bool) -> Fold:
    """Integers of up to 16 bits, as (Σx, Σx²)."""
    integer, wide = np.dtype(np.int64), wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values
        np.multiply(state[0], state[0], out=state[1])

    def combine(a: State, b: State, out: State) -> None:
        np.add(a[0], b[0], out=out[0])
        np.add(a[1], b[1], out=out[1])

    def finish(state: State, counts: Counts, out: Array) -> None:
        # From the whole number m next to the mean, Σ(x − m)² = Σx² − m·(Σx + r) with r = Σx − n·m
        # is exact, and no more than twice what it is from the mean: r²/n less.
        total, squares = state
        count = np.broadcast_to(np.asarray(counts, integer), total.shape)
        some = np.maximum(count, 1)
        near = np.rint(total / some).astype(integer)
        rest = total - some * near
        around = (squares - near * (total + rest)).astype(wide)
        around -= rest.astype(wide) * rest / some
        _give(around, count, ddof, out, root=root)

    return Fold(
        result=real_result(cells),
        parts=(integer, integer),
        identity=(0, 0),
        combine=combine,
        load=load,
        finish=finish,
    )


def _paired_fold(cells: Cells, ddof: int, scale: float, *, root: bool) -> Fold:
    """(n, mean, Σ(x − mean)²) of cells times ``scale``, a power of two for huge squares."""
    wide = wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        count, mean, low, squares, squares_low = state
        count[...] = 1
        if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
            # Two halves, as floats exact, and then their sum in two parts.
            two_sum((values >> 32) * float(_HALF), values & (_HALF - 1), mean, low)
        else:
            mean[...] = values
            low[...] = 0
        if scale != 1.0:
            mean *= scale
            low *= scale
        np.abs(mean, out=squares)
        squares *= 0  # 0, but NaN for an infinity
        squares_low[...] = 0

    def finish(state: State, _: Counts, out: Array) -> None:
        count, _mean, _low, squares, squares_low = state
        result = _give(squares + squares_low, count, ddof, out, root=root)
        if scale != 1.0:
            out[...] = result / (scale if root else scale**2)

    return Fold(
        result=real_result(cells),
        parts=(wide,) * 5,
        identity=(0.0,) * 5,
        combine=_merge,
        load=load,
        finish=finish,
        rescue=_paired_fold(cells, ddof, _SCALE, root=root) if scale == 1.0 else None,
    )


def _merge(a: State, b: State, out: State) -> None:
    count = a[0] + b[0]
    share = b[0] / np.maximum(count, 1)
    # The step from mean to mean, as a rounded number and what that has lost.
    step, lost = two_sum(b[1], -a[1])
    lost += b[2] - a[2]
    # From a to the common mean; all of it where a is empty.
    mean, error = two_sum(a[1], step * share)
    error += a[2] + lost * share
    step += lost
    # Zero times the step first: a step that overflows when squared must not turn 0 into NaN.
    between = step * (a[0] * share) * step
    apart, rest = two_sum(a[3], b[3])
    squares, more = two_sum(apart, between)
    more += rest
    more += a[4] + b[4]
    for part, value in zip(out, (count, mean, error, squares, more), strict=True):
        part[...] = value
