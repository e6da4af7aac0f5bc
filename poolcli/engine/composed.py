"""Ops that are made of the results of two others: one walk over the cells folds both at once."""

from __future__ import annotations

from collections.abc import Callable

from poolcli.engine.arrays import Array
from poolcli.engine.floats import real_result, wide_float
from poolcli.engine.kernel import Cells, Counts, Fold, Kernel, both, finished
from poolcli.engine.trees import State
from poolcli.errors import UsageError

Formula = Callable[[Array, Array], Array]


def composed(
    cells: Cells,
    first: Callable[[Cells], Kernel],
    second: Callable[[Cells], Kernel],
    formula: Formula,
) -> Fold:
    """The fold of a formula of two ops' results: float64 for integers, else the cells' dtype."""
    wide = widened(cells)
    return compose(cells, _fold_of(first, wide), _fold_of(second, wide), formula)


def widened(cells: Cells) -> Cells:
    """The same cells, with real-valued results wanted as wide floats: nothing is rounded twice."""
    return cells._replace(target=wide_float(real_result(cells)), fit="exact")


def compose(cells: Cells, first: Fold, second: Fold, formula: Formula) -> Fold:
    """The fold of a formula of two folds' results, which it gets as floats of 64 bits or more."""
    wide = wide_float(real_result(cells))
    cut = len(first.parts)

    def finish(state: State, counts: Counts, out: Array) -> None:
        a = finished(first, state[:cut], counts).astype(wide)
        b = finished(second, state[cut:], counts).astype(wide)
        out[...] = formula(a, b)

    fold = both(first, second, real_result(cells), finish)
    if first.rescue is None and second.rescue is None:
        return fold
    rescue = compose(cells, first.rescue or first, second.rescue or second, formula)
    return fold._replace(rescue=rescue)


def _fold_of(make: Callable[[Cells], Kernel], cells: Cells) -> Fold:
    kernel = make(cells)
    if not isinstance(kernel, Fold):
        raise UsageError("an op that looks at whole windows can be no part of another")
    return kernel
