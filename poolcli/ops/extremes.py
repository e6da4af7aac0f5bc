"""Max and min: the largest or smallest cell, of the cells' own dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.fold import State
from poolcli.engine.kernel import Cells, Counts, Fold, ufunc_combine


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

    def load(values: Array, state: State) -> None:
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
    )
