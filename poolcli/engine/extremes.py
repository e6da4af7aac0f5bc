"""Max, min and what is made of them: range, mixed, and the winners' positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.dtypes import as_typed
from poolcli.engine.arrays import Array
from poolcli.engine.composed import compose, widened
from poolcli.engine.kernel import Cells, Counts, Fold, Places, both, finished, ufunc_combine
from poolcli.engine.sums import average
from poolcli.engine.trees import State
from poolcli.errors import InputError, UsageError


def extreme(cells: Cells, which: str) -> Fold:
    """The fold of ``maximum`` or ``minimum``; NaN wins over every number."""
    ufunc: np.ufunc = getattr(np, which)
    if cells.dtype == np.float16:
        return _half_extreme(ufunc)
    return Fold(
        result=cells.dtype,
        parts=(cells.dtype,),
        identity=(_last_choice(cells.dtype, which == "maximum"),),
        combine=ufunc_combine(ufunc),
        picks=ufunc,
    )


def _last_choice(dtype: np.dtype[Any], lowest: bool) -> Any:
    """The value that no other loses to."""
    if dtype.kind == "b":
        return not lowest
    if dtype.kind == "f":
        return -np.inf if lowest else np.inf
    return np.iinfo(dtype).min if lowest else np.iinfo(dtype).max


def _half_extreme(ufunc: np.ufunc) -> Fold:
    """Float16 compared as integers, which NumPy does some thirty times as fast.

    The bits of a float16, with those of a negative number's magnitude flipped, are ordered as int16
    like the numbers themselves. NaNs become the one integer that wins.
    """
    biggest = ufunc is np.maximum
    nan_key = np.int16(32767) if biggest else np.int16(-32768)
    nan_bits = np.float16(np.nan).view(np.int16)

    def flip(bits: Array, out: Array) -> None:
        np.right_shift(bits, 15, out=out)
        np.bitwise_and(out, 32767, out=out)
        np.bitwise_xor(out, bits, out=out)

    def load(values: Array, state: State, _: Places) -> None:
        flip(values.view(np.int16), state[0])
        # Beyond the key of +inf (31744) or of -inf (-31745) there are only NaNs.
        keys = state[0]
        np.copyto(keys, nan_key, where=(keys > 31744) | (keys < -31745))

    def finish(state: State, _: Counts, out: Array) -> None:
        nan = state[0] == nan_key
        bits = out.view(np.int16)
        flip(state[0], bits)
        np.copyto(bits, nan_bits, where=nan)

    identity = np.int16(-31745) if biggest else np.int16(31744)
    return Fold(
        result=np.dtype(np.float16),
        parts=(np.dtype(np.int16),),
        identity=(identity,),
        combine=ufunc_combine(ufunc),
        load=load,
        finish=finish,
        picks=ufunc,
    )


def winner(cells: Cells, which: str) -> Fold:
    """The fold of the position of the largest or smallest cell; the first one on ties.

    The first NaN wins over every number, as its value does.
    """
    better: np.ufunc = np.greater if which == "maximum" else np.less

    def load(values: Array, state: State, places: Places) -> None:
        state[0][...] = values
        state[1][...] = places()

    def combine(a: State, b: State, out: State) -> None:
        earlier = b[1] < a[1]
        take = better(b[0], a[0]) | ((b[0] == a[0]) & earlier)
        if cells.dtype.kind == "f":
            nan_a, nan_b = np.isnan(a[0]), np.isnan(b[0])
            take = np.where(nan_a, nan_b & earlier, nan_b | take)
        for chosen, left, right in zip(out, a, b, strict=True):
            chosen[...] = np.where(take, right, left)

    def finish(state: State, _: Counts, out: Array) -> None:
        out[...] = state[1]

    place = np.dtype(np.int64)
    return Fold(
        result=place,
        parts=(cells.dtype, place),
        identity=(_last_choice(cells.dtype, which == "maximum"), np.iinfo(place).max),
        combine=combine,
        load=load,
        finish=finish,
    )


def value_range(cells: Cells) -> Fold:
    """The fold of max − min: 64 bits for integers, as their difference can need a bit more."""
    dtype = cells.dtype
    largest, smallest = extreme(cells, "maximum"), extreme(cells, "minimum")
    result = dtype if dtype.kind == "f" else np.dtype(np.uint64 if dtype.kind == "u" else np.int64)

    def finish(state: State, counts: Counts, out: Array) -> None:
        high = finished(largest, state[:1], counts)
        low = finished(smallest, state[1:], counts)
        if result.kind == "f":
            np.subtract(high, low, out=out)
            return
        # Modulo 2⁶⁴ the difference is exact as an unsigned number, whatever the signs.
        difference = high.astype(np.uint64) - low.astype(np.uint64)
        difference[high < low] = 0  # a window without any cell that counts
        if result.kind == "i" and (difference > np.iinfo(np.int64).max).any():
            raise InputError(
                f"a range of {difference.max()} does not fit int64; convert the input to float"
            )
        out[...] = difference

    return both(largest, smallest, result, finish)


def mixed(cells: Cells, alpha: float) -> Fold:
    """The fold of α·max + (1 − α)·avg."""
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha {alpha}: must be from 0 (avg) to 1 (max)")
    largest, mean = extreme(cells, "maximum"), average(widened(cells))

    def blend(high: Array, middle: Array) -> Array:
        # At the ends the other share is nothing, where 0 times an infinity would be NaN.
        if alpha in (0, 1):
            return high if alpha == 1 else middle
        if cells.dtype.kind != "f":
            # In whole shares, as typed: 0.3 as a float would miss the halves that are rounded next.
            share = as_typed(alpha)
            rest = share.denominator - share.numerator
            return np.asarray((share.numerator * high + rest * middle) / share.denominator)
        return np.asarray(alpha * high + (1 - alpha) * middle)

    return compose(cells, largest, mean, blend)
