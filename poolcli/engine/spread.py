"""Variance and standard deviation of a window.

Windows are merged as (count, mean, squared deviations), which does not cancel the way a difference
of sums does: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm".
"""

from __future__ import annotations

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.floats import real_result, wide_float
from poolcli.engine.kernel import Cells, Counts, Fold, Places
from poolcli.engine.trees import State
from poolcli.errors import UsageError

_SCALE = 2.0**-530


def variance(cells: Cells, ddof: int) -> Fold:
    """The fold of Σ(x − mean)² / (n − ddof)."""
    return _fold(cells, ddof, 1.0, root=False)


def deviation(cells: Cells, ddof: int) -> Fold:
    """The fold of the square root of the variance."""
    return _fold(cells, ddof, 1.0, root=True)


def _fold(cells: Cells, ddof: int, scale: float, *, root: bool) -> Fold:
    """The fold for cells times ``scale``, a power of two that keeps huge squares finite."""
    if ddof < 0:
        raise UsageError(f"ddof {ddof}: must be at least 0")
    wide = wide_float(real_result(cells))

    def load(values: Array, state: State, _: Places) -> None:
        state[0][...] = 1
        state[1][...] = values
        if scale != 1.0:
            state[1][...] *= scale
        np.abs(state[1], out=state[2])
        state[2][...] *= 0  # 0, but NaN for an infinity

    def finish(state: State, _: Counts, out: Array) -> None:
        count = state[0] - min(ddof, 2**60)  # more than any window has
        result = np.divide(state[2], count, where=count > 0, out=np.full(out.shape, np.nan))
        if root:
            np.sqrt(result, out=result)
        if scale != 1.0:
            result /= scale if root else scale**2
        out[...] = result

    return Fold(
        result=real_result(cells),
        parts=(wide, wide, wide),
        identity=(0.0, 0.0, 0.0),
        combine=_merge,
        load=load,
        finish=finish,
        rescue=_fold(cells, ddof, _SCALE, root=root) if scale == 1.0 else None,
    )


def _merge(a: State, b: State, out: State) -> None:
    count = a[0] + b[0]
    some = np.maximum(count, 1)
    step = b[1] - a[1]
    mean = a[1] + step * (b[0] / some)
    # Zero times the step first: a step that overflows when squared must not turn 0 into NaN.
    squares = a[2] + b[2] + step * (a[0] * b[0] / some) * step
    out[0][...] = count
    out[1][...] = mean
    out[2][...] = squares
