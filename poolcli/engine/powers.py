"""Power sums and power means: lp, rms and GeM.

Cells are raised to the power, added and taken the root of in float64. Where that overflows although
the result need not, sums are kept relative to the window's largest cell instead.
"""

from __future__ import annotations

import math

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.floats import real_result, wide_float
from poolcli.engine.kernel import Cells, Counts, Fold, Places, ufunc_combine
from poolcli.engine.trees import State
from poolcli.errors import UsageError

# Below this, float64 sums of powers are near the end of their exponents.
_VANISHING = 2.0**-960


def lp(cells: Cells, norm: float, signed: bool) -> Fold:
    """The fold of (Σ|x|^p)^(1/p); ``signed`` leaves the sign of x^p in the sum, as torch does."""
    _positive("norm", norm)
    if math.isinf(norm):
        if signed:
            # The root of Σx^p has no limit: for two values of opposite sign it is 0 at odd p.
            raise UsageError(
                "norm inf is the largest magnitude, which has no sign to keep; leave signed out, "
                "and with like torch say `signed=False`"
            )
        return _largest_magnitude(cells)
    return _power_fold(cells, norm, signed=signed, mean=False)


def rms(cells: Cells) -> Fold:
    """The fold of the root of the mean square."""
    return _power_fold(cells, 2.0, signed=False, mean=True)


def gem(cells: Cells, p: float, eps: float) -> Fold:
    """The fold of the generalised mean (mean(max(x, eps)^p))^(1/p)."""
    _positive("p", p)
    _positive("eps", eps)
    if math.isinf(p):
        raise UsageError("p inf: that is max pooling")
    return _power_fold(cells, p, signed=False, mean=True, least=eps)


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise UsageError(f"{name} {value}: must be greater than 0")


def _power_fold(
    cells: Cells, p: float, *, signed: bool, mean: bool, least: float | None = None
) -> Fold:
    wide = wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        powers = state[0]
        powers[...] = values
        if least is not None:
            np.maximum(powers, least, out=powers)
        _raise(powers, p, signed)

    def finish(state: State, counts: Counts, out: Array) -> None:
        total = state[0] / counts if mean else state[0]
        out[...] = np.sqrt(total) if p == 2 else total ** (1 / p)
        if rescue is not None and can_vanish:
            # So small a sum has lost digits, or everything: as NaN it is left to the rescue.
            np.copyto(out, np.nan, where=state[0] < _VANISHING)

    rescue = None if signed else _scaled_fold(cells, p, mean=mean, least=least)
    smallest = np.finfo(cells.dtype).smallest_subnormal if cells.dtype.kind == "f" else 1
    with np.errstate(all="ignore"):
        can_vanish = bool(np.float64(least or smallest) ** p < _VANISHING)
    return Fold(
        result=real_result(cells),
        parts=(wide,),
        identity=(-0.0,),  # which leaves every sum as it is, also one of -0.0
        combine=ufunc_combine(np.add),
        load=load,
        finish=finish,
        rescue=rescue,
    )


def _raise(values: Array, p: float, signed: bool) -> None:
    """``values`` to the power p, in place."""
    if p == 2:
        np.multiply(values, values, out=values)
        return
    if not signed:
        np.abs(values, out=values)
    if p != 1:
        np.power(values, p, out=values)


def _scaled_fold(cells: Cells, p: float, *, mean: bool, least: float | None) -> Fold:
    """Power sums as (m, s): m is the largest magnitude and s the sum of (|x|/m)^p."""
    wide = wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        largest, total = state
        np.abs(values, out=largest, dtype=wide)
        if least is not None:
            np.maximum(values, least, out=largest, casting="unsafe")
        total[...] = 1.0

    def combine(a: State, b: State, out: State) -> None:
        largest = np.maximum(a[0], b[0])
        base = np.where(largest == 0, 1.0, largest)
        total = a[1] * (a[0] / base) ** p + b[1] * (b[0] / base) ** p
        out[0][...] = largest
        out[1][...] = total

    def finish(state: State, counts: Counts, out: Array) -> None:
        largest, total = state
        if mean:
            total = total / counts
        out[...] = np.where(np.isfinite(largest), largest * total ** (1 / p), largest)

    return Fold(
        result=real_result(cells),
        parts=(wide, wide),
        identity=(0.0, 0.0),
        combine=combine,
        load=load,
        finish=finish,
    )


def _largest_magnitude(cells: Cells) -> Fold:
    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values
        np.abs(state[0], out=state[0])

    def finish(state: State, _: Counts, out: Array) -> None:
        out[...] = state[0]

    return Fold(
        result=real_result(cells),
        parts=(wide_float(real_result(cells)),),
        identity=(0.0,),
        combine=ufunc_combine(np.maximum),
        load=load,
        finish=finish,
    )
