"""Sum and avg: exact for integers, within 2 ulp for floats, whatever the window size.

A result may be off by 2 ulp relative to the sum (mean) of the absolute values. Each level of a tree
may lose one such ulp (half an ulp of every partial sum, and just above a power of two an ulp is
twice as large a part of the value as just below), and the last rounding half a one. So windows of
up to four cells are added in the cells' own dtype. Taller trees of float16 and float32 are added
in a wider float; those of float64 as an unevaluated sum of two floats (Knuth's TwoSum keeps what
rounding loses). The first level of tall trees, which is half of the work, is added in the cells'
own dtype. Integers are added in the narrowest integer type that holds every possible sum, and
64-bit ones as two 64-bit halves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.cast import convert
from poolcli.engine.kernel import Cells, Counts, Fold, Places, ufunc_combine
from poolcli.engine.trees import State
from poolcli.errors import InputError
from poolcli.ops.floats import real_result, two_sum

_OWN_LEVELS = 2
# From about here, starting with pairs in the cells' own dtype saves more than it costs.
_TALL = 6
# A narrower integer type pays if it holds the sum of this many cells.
_LEAST_RUN = 16
_HALF = 1 << 32
_MANY = 1 << 30
# Doubles are scaled by this when a plain sum overflows; a power of two changes no digit.
_SCALE = 2.0**-64


def total(cells: Cells) -> Fold:
    """The fold of the sum: 64 bits for integers (NumPy's rule), the cells' dtype for floats."""
    if cells.dtype.kind == "f":
        return _float_fold(cells, average=False)
    result = np.dtype(np.uint64 if cells.dtype.kind == "u" else np.int64)
    return _integer_fold(cells, result, average=False)


def average(cells: Cells) -> Fold:
    """The fold of the mean: float64 for integers, the cells' dtype for floats."""
    if cells.dtype.kind == "f":
        return _float_fold(cells, average=True)
    result = np.dtype(np.float64)
    if cells.target is not None and cells.target.kind in "iu":
        result = cells.target
    return _integer_fold(cells, result, average=True)


def _float_fold(cells: Cells, *, average: bool) -> Fold:
    own, result = cells.dtype, real_result(cells)
    if own == np.float16:
        wide = np.result_type(np.float32, result)
        return _plain_floats(result, wide, average, rescue=None, loads=True)
    own = result
    rescue = _rescue_fold(own, average)
    if cells.levels <= _OWN_LEVELS:
        return _plain_floats(own, own, average, rescue, loads=own != cells.dtype)
    if own == np.float32:
        fold = _plain_floats(own, np.dtype(np.float64), average, rescue=None)
    else:
        fold = _paired_floats(own, 1.0, average, rescue)
    if cells.levels < _TALL:
        return fold
    start = _plain_floats(own, own, average=False, rescue=None, loads=own != cells.dtype)
    return fold._replace(start=start, start_cells=2, rescue=rescue)


def _rescue_fold(own: np.dtype[Any], average: bool) -> Fold:
    """Sums whose parts overflow although the result need not."""
    if own == np.float32:
        return _plain_floats(own, np.dtype(np.float64), average, rescue=None)
    return _paired_floats(own, _SCALE, average, rescue=None)


def _plain_floats(
    own: np.dtype[Any],
    wide: np.dtype[Any],
    average: bool,
    rescue: Fold | None,
    *,
    loads: bool = False,
) -> Fold:
    """Sums in the dtype ``wide``, results in ``own``; ``loads`` if the cells are of another."""

    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values

    def finish(state: State, counts: Counts, out: Array) -> None:
        if average and isinstance(counts, int) and counts.bit_count() == 1:
            # The same to the bit as dividing by a power of two, and quicker.
            np.multiply(state[0], 1 / counts, out=out, casting="same_kind")
        elif average:
            # In place first: a division that also narrows takes three times as long.
            np.divide(state[0], counts, out=out if wide == own else state[0])
            if wide != own:
                out[...] = state[0]
        else:
            out[...] = state[0]

    return Fold(
        result=own,
        parts=(wide,),
        identity=(-0.0,),  # -0.0 + x is x for every x; 0.0 + -0.0 is not
        combine=ufunc_combine(np.add),
        load=load if loads or wide != own else None,
        finish=finish if average or wide != own else None,
        rescue=rescue,
    )


def _paired_floats(own: np.dtype[Any], scale: float, average: bool, rescue: Fold | None) -> Fold:
    """Sums as (high, low): high is the rounded sum, low what rounding has lost so far."""

    def load(values: Array, state: State, _: Places) -> None:
        np.multiply(values, own.type(scale), out=state[0])
        state[1][...] = 0

    def combine(a: State, b: State, out: State) -> None:
        high, error = two_sum(a[0], b[0])
        error += a[1]
        error += b[1]
        out[0][...] = high
        out[1][...] = error

    def finish(state: State, counts: Counts, out: Array) -> None:
        high, low = state
        np.add(high, low, out=low)
        # An infinite sum has no meaningful error: it is what it is.
        np.copyto(low, high, where=~np.isfinite(high))
        if average:
            np.divide(low, counts, out=out)
        else:
            out[...] = low
        if scale != 1.0:
            out /= own.type(scale)

    return Fold(
        result=own,
        parts=(own, own),
        identity=(-0.0, 0.0),
        combine=combine,
        load=load,
        finish=finish,
        rescue=rescue,
    )


def _integer_fold(cells: Cells, result: np.dtype[Any], *, average: bool) -> Fold:
    dtype = np.dtype(np.uint8) if cells.dtype.kind == "b" else cells.dtype
    info = np.iinfo(dtype)
    low, high = (0, 1) if cells.dtype.kind == "b" else (int(info.min), int(info.max))
    narrower: np.dtype[Any] | None = None
    for wide in (np.uint8, np.uint16, np.uint32, np.uint64, np.int16, np.int32, np.int64):
        bounds = np.iinfo(wide)
        same_sign = (bounds.min == 0) == (dtype.kind == "u")
        # Half a count more than the sum is what rounding its average needs.
        fits = bounds.min <= low * cells.most and (high + 1) * cells.most <= bounds.max
        if same_sign and fits:
            fold = _plain_integers(cells, np.dtype(wide), result, average)
            return fold if narrower is None else _started(fold, cells, narrower, high)
        if same_sign and bounds.max // (high + 1) >= _LEAST_RUN and narrower is None:
            narrower = np.dtype(wide)
    return _halved_integers(cells, result, average)


def _plain_integers(
    cells: Cells, wide: np.dtype[Any], result: np.dtype[Any], average: bool
) -> Fold:
    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values

    def finish(state: State, counts: Counts, out: Array) -> None:
        if average:
            _divide(cells, state[0], counts, out)
        else:
            out[...] = state[0]

    return Fold(
        result=result,
        parts=(wide,),
        identity=(0,),
        combine=ufunc_combine(np.add),
        load=load,
        finish=finish,
    )


def _started(fold: Fold, cells: Cells, narrower: np.dtype[Any], high: int) -> Fold:
    """The same sums, with runs of as many cells as ``narrower`` holds added in that."""
    start = _plain_integers(cells, narrower, fold.result, average=False)
    run = int(np.iinfo(narrower).max) // (high + 1)
    return fold._replace(start=start, start_cells=1 << (run.bit_length() - 1))


def _halved_integers(cells: Cells, result: np.dtype[Any], average: bool) -> Fold:
    """Sums of x = high·2³² + low, with both halves added in 64 bits."""

    def load(values: Array, state: State, _: Places) -> None:
        wide = values.astype(np.uint64 if values.dtype.kind in "bu" else np.int64)
        np.copyto(state[0], wide >> 32, casting="unsafe")
        np.copyto(state[1], wide & (_HALF - 1), casting="unsafe")

    def combine(a: State, b: State, out: State) -> None:
        np.add(a[0], b[0], out=out[0])
        np.add(a[1], b[1], out=out[1])
        if cells.most > _MANY:
            carry(out)

    def carry(state: State) -> None:
        state[0][...] += state[1] >> 32
        state[1][...] &= _HALF - 1

    def finish(state: State, counts: Counts, out: Array) -> None:
        carry(state)
        high, low = state
        if average and result.kind == "f":
            # high·2³² and low are exact in float64 wherever they can cancel.
            np.divide(high * float(_HALF) + low, counts, out=out)
            return
        if average:
            # Beyond 64 bits there are Python's integers: slow, exact, and rarely asked for.
            _divide(cells, high.astype(object) * _HALF + low.astype(object), counts, out)
            return
        top = _HALF // 2 if result.kind == "i" else _HALF
        bottom = -top if result.kind == "i" else 0
        lost = (high < bottom) | (high >= top)
        if lost.any():
            value = int(high[lost][0]) * _HALF + int(low[lost][0])
            raise InputError(
                f"a sum of {value} does not fit {result}; convert the input to a float type "
                "or use avg"
            )
        out[...] = high.astype(result) * result.type(_HALF) + low.astype(result)

    return Fold(
        result=result,
        parts=(np.dtype(np.int64), np.dtype(np.int64)),
        identity=(0, 0),
        combine=combine,
        load=load,
        finish=finish,
    )


def _divide(cells: Cells, totals: Array, counts: Counts, out: Array) -> None:
    """Averages of integers: float64 ones, or exact ones in an integer dtype by the rules of fit.

    ``totals`` is scratch memory, and has room for half a count more than the largest total.
    """
    # A mean lies within the range of what it is the mean of; a sum by any divisor need not.
    mean = not isinstance(counts, float)
    if isinstance(counts, float) and counts == int(counts):
        counts = int(counts)
    if out.dtype.kind == "f" or isinstance(counts, float):
        convert(np.asarray(totals / counts, np.float64), out, cells.fit)
        return
    if isinstance(counts, int):
        if not 0 < counts <= cells.most:  # a divisor of any size and sign: Python's integers
            totals = totals.astype(object)
            totals, counts = (totals, counts) if counts > 0 else (-totals, -counts)
    else:
        counts = np.maximum(counts, 1)  # a window without any cell that counts
        if totals.dtype != object:  # one count for each window, in 64 bits
            totals = totals.astype(np.uint64 if totals.dtype.kind == "u" else np.int64)
            counts = np.asarray(counts, totals.dtype)
    if cells.fit == "exact":
        _refuse_rest(totals, counts, out)
    quotients = _half_to_even(totals, counts)
    if mean and quotients.dtype != object and np.can_cast(cells.dtype, out.dtype, "safe"):
        out[...] = quotients
    else:
        convert(quotients, out, cells.fit)


def _half_to_even(totals: Array, counts: int | Array) -> Array:
    """totals / counts, rounded: ⌊(t + ⌊(c−1)/2⌋ + e) / c⌋ with e = 1 where only a tie to an odd
    quotient must still go up, which it does for even c where ⌊t/c⌋ is odd.
    """
    even = 1 - counts % 2
    if isinstance(counts, int) and counts.bit_count() == 1:
        shift = counts.bit_length() - 1
        odd = (totals >> shift) & even
        odd += totals
        odd += (counts - 1) // 2
        odd >>= shift
        return np.asarray(odd)
    up = (counts - 1) // 2
    odd = (totals // counts) % 2 * even
    return np.asarray((totals + up + odd) // counts)


def _refuse_rest(totals: Array, counts: int | Array, out: Array) -> None:
    lost = np.broadcast_to(totals % counts != 0, out.shape)
    if lost.any():
        raise InputError(
            f"{(totals / counts)[lost][0]} is no whole number and does not fit {out.dtype}; "
            "choose a float --dtype or --clip"
        )
