"""Log-sum-exp and SoftPool, shifted by the window's largest value so that nothing overflows."""

from __future__ import annotations

import math

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.kernel import Cells, Counts, Fold, Places
from poolcli.engine.trees import State
from poolcli.errors import UsageError
from poolcli.ops.composed import compose, widened
from poolcli.ops.floats import real_result, wide_float
from poolcli.ops.sums import average

# Sums of more numbers than there can be, each of them this times the largest, are finite.
_SCALE = 2.0**-64
# Of so small a sum of exp(r·(x − m)) − 1 all terms are r·(x − m), to their last bit.
_VANISHING = 2.0**-60


def log_sum_exp(cells: Cells, r: float) -> Fold:
    """The fold of (1/r)·log(mean(exp(r·x))), as (m, n, Σ(exp(r·(x − m)) − 1)).

    m is the largest x (for negative r the smallest). Sums of exp − 1 instead of exp keep the
    digits when r is near 0 and all exponentials are near 1.
    """
    if r == 0 or not math.isfinite(r):
        raise UsageError(f"r {r}: must be a number other than 0")
    fold = _log_sum_exp(cells, r)
    if abs(r) >= 1:
        return fold
    # So near to the mean that the sum has no digits left: it is the mean.
    mean = average(widened(cells))
    if mean.rescue is not None:
        mean = compose(
            widened(cells), mean, mean.rescue, lambda a, b: np.where(np.isfinite(a), a, b)
        )
    rescue = compose(cells, fold, mean, lambda value, mid: np.where(np.isnan(value), mid, value))
    return fold._replace(rescue=rescue)


def _log_sum_exp(cells: Cells, r: float) -> Fold:
    """The fold as it is said; NaN for r near 0 where the mean is what should be given."""
    wide = wide_float(real_result(cells))
    outer = np.maximum if r > 0 else np.minimum

    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values
        state[1][...] = 1
        state[2][...] = 0

    def moved(state: State, top: Array) -> Array:
        """The sum of one side, seen from another m."""
        shift = np.where(state[0] == top, 0, r * (state[0] - top))
        return np.asarray(state[2] * np.exp(shift) + state[1] * np.expm1(shift))

    def combine(a: State, b: State, out: State) -> None:
        top = outer(a[0], b[0])
        total = moved(a, top) + moved(b, top)
        np.add(a[1], b[1], out=out[1])
        out[0][...] = top
        out[2][...] = total

    def finish(state: State, _: Counts, out: Array) -> None:
        top, count, total = state
        out[...] = np.where(np.isinf(top), top, top + np.log1p(total / count) / r)
        if abs(r) < 1:
            np.copyto(out, np.nan, where=(np.abs(total) < _VANISHING) & np.isfinite(top))

    return Fold(
        result=real_result(cells),
        parts=(wide, wide, wide),
        identity=(-np.inf if r > 0 else np.inf, 0.0, 0.0),
        combine=combine,
        load=load,
        finish=finish,
    )


def soft(cells: Cells) -> Fold:
    """The fold of Σx·eˣ / Σeˣ, as (m, Σe^(x−m), Σx·e^(x−m)) with m the largest x."""
    return _soft(cells, 1.0)


def _soft(cells: Cells, scale: float) -> Fold:
    """The same with x in the last sum times ``scale``, a power of two that keeps it finite."""
    wide = wide_float(real_result(cells))
    most = np.finfo(wide).max

    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = values
        state[1][...] = 1
        state[2][...] = values
        if scale != 1.0:
            state[2][...] *= scale

    def combine(a: State, b: State, out: State) -> None:
        top, weight_a, weight_b = _weights(a[0], b[0])
        weights = a[1] * weight_a + b[1] * weight_b
        # −inf has the weight 0 and then counts 0, where −inf · 0 would be NaN.
        left = np.where(weight_a == 0, 0, a[2] * weight_a)
        right = np.where(weight_b == 0, 0, b[2] * weight_b)
        out[0][...] = top
        out[1][...] = weights
        np.add(left, right, out=out[2])

    def finish(state: State, _: Counts, out: Array) -> None:
        top, weights, weighted = state
        # Plus 0: a window of -0.0 alone must give what it gives beside padding.
        mean = weighted / weights + 0.0
        if scale != 1.0:
            mean = np.clip(mean, -most * scale, most * scale) / scale  # rounding may go past it
        out[...] = np.where(np.isinf(top), top, mean)

    return Fold(
        result=real_result(cells),
        parts=(wide, wide, wide),
        identity=(-np.inf, 0.0, 0.0),
        combine=combine,
        load=load,
        finish=finish,
        rescue=_soft(cells, _SCALE) if scale == 1.0 else None,
    )


def _weights(a: Array, b: Array) -> tuple[Array, Array, Array]:
    """The larger of two shifts, and what takes each side's sums from its own shift to that."""
    top = np.maximum(a, b)
    shift = np.where(np.isinf(top), 0, top)
    return top, np.exp(a - shift), np.exp(b - shift)
