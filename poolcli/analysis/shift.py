"""What moves and what stays when the input moves: pooling of two crops of one array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.compare import Refused, data_range, refuse_nothing, same_windows
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.frameworks.defaults import find_preset
from poolcli.layout import AXIS_NAMES, Layout, find_layout
from poolcli.plan import Plan
from poolcli.request import Request

DEFAULT_SHIFTS = (1, 2, 3, 4)
_ALIKE = 1e-12  # of real numbers of which one is summed up in another order


class Shifted(NamedTuple):
    """What becomes of outputs when the input moves by ``shift`` cells along an axis.

    ``plan`` is None for the row without pooling, where each cell is an output. Shares and changes
    are None where there is nothing to count, see :func:`shift_test`.
    """

    plan: Plan | None
    axis: str
    shift: int
    cells_kept: float
    kept: float
    kept_changed: float | None
    moved: float | None
    change: float | None
    relative: float | None


class Moved(NamedTuple):
    """The two crops: what lay at cell i + shift of the first lies at cell i of the second."""

    first: NDArray[Any]
    second: NDArray[Any]


def shift_test(
    x: NDArray[Any],
    requests: Sequence[Request],
    axis: str = "width",
    shifts: Sequence[int] | None = None,
    layout: str | None = None,
) -> Iterator[Shifted | Refused]:
    """Move ``x`` along an axis and compare what is pooled before and after.

    Nothing is invented: of an axis of n cells the first n − shift and the last are taken, as in
    Zhang 2019, "Making convolutional networks shift-invariant again". By default the shifts are
    those of 1, 2, 3 and 4 that leave a window. First come the rows without pooling, then one for
    each request and shift:

    cells_kept
        the share of cells that are the same at the same place
    kept
        the share of outputs that are; ``kept_changed`` of those whose window has a changed cell
    moved
        for a shift of m strides: the share of outputs that are the same m places on; else None
    change, relative
        the mean of the absolute changes in units of the range of ``x``, and their root mean square
        in units of the standard deviation of the outputs; None where that is 0

    Raises UsageError or InputError for an axis that there is not and a shift that leaves nothing.

    >>> from poolcli.geometry import Sliding
    >>> x = np.array([0.3, 0.1, 1, 0.2, 0.1])
    >>> rows = shift_test(x, [Request("max", Sliding(3, 1, 1))], shifts=[1])
    >>> [row.kept for row in rows]
    [0.0, 0.5]
    """
    axes = _axes(x, requests[0], layout)
    letter = next((key for key, name in AXIS_NAMES.items() if name == axis), "")
    if letter not in axes.spatial_letters or not letter:
        there = ", ".join(axes.spatial_names)
        raise InputError(f"there is no {axis} to move along in {axes.letters}; there is {there}")
    along = axes.letters.index(letter)
    steps = _shifts(x, requests[0], axes, along, shifts)
    refuse_nothing(x)
    span = data_range(x)
    if x.dtype.kind == "f":  # whose last bits in float32 are a matter of the order of a sum
        x = x.astype(np.float64)
    for shift in steps:
        yield _row(None, axes, along, shift, moved_by(x, along, shift), span)
    for request in requests:
        try:
            for shift in steps:
                crops = moved_by(x, along, shift)
                plan = request.plan_alone(crops.first.shape, x.dtype, axes.letters)
                yield _row(plan, axes, along, shift, crops, span)
        except PoolError as error:
            yield Refused(request.op, error)


def moved_by(x: NDArray[Any], axis: int, shift: int) -> Moved:
    """The array without its last cells along an axis, and without its first.

    >>> moved_by(np.arange(4), 0, 1)
    Moved(first=array([0, 1, 2]), second=array([1, 2, 3]))
    """
    n = x.shape[axis]
    all_others = (slice(None),) * axis
    return Moved(x[(*all_others, slice(0, n - shift))], x[(*all_others, slice(shift, n))])


def _axes(x: NDArray[Any], request: Request, layout: str | None) -> Layout:
    chosen = layout if request.layout is None else request.layout
    return find_layout(chosen, x.shape, find_preset(request.like).layouts)


def _shifts(
    x: NDArray[Any], request: Request, axes: Layout, along: int, shifts: Sequence[int] | None
) -> list[int]:
    """The shifts to try: those that are asked for, or else those of a few that can be."""
    asked = DEFAULT_SHIFTS if shifts is None else shifts
    name, n = AXIS_NAMES[axes.letters[along]], x.shape[along]
    request.plan_alone(x.shape, x.dtype, axes.letters)
    found: list[int] = []
    for shift in asked:
        if shift < 1:
            raise UsageError(f"shift {shift}: must be a whole number of at least 1")
        try:
            if shift >= n:
                raise InputError(f"a shift of {shift} leaves nothing of {n} cells; shift by less")
            shape = tuple(m - shift if i == along else m for i, m in enumerate(x.shape))
            request.plan_alone(shape, x.dtype, axes.letters)
        except InputError as error:
            if shifts is None and found:
                break
            why = str(error).removeprefix(f"{name}: ")
            raise InputError(f"{name}, moved by {shift}: {why}") from error
        found.append(shift)
    return found


def _row(
    plan: Plan | None, axes: Layout, along: int, shift: int, crops: Moved, span: float
) -> Shifted:
    cells = _same(*crops)
    a, b = crops if plan is None else (plan.run(np.ascontiguousarray(x)) for x in crops)
    same = _same(a, b)
    changed = ~cells
    if plan is not None:
        changed = same_windows(plan, axes.letters, cells.shape).run(changed)
    change, relative = _changes(a, b, span)
    return Shifted(
        plan,
        AXIS_NAMES[axes.letters[along]],
        shift,
        float(cells.mean()),
        float(same.mean()),
        float(same[changed].mean()) if changed.any() else None,
        _moved(plan, axes, along, shift, Moved(a, b)),
        change,
        relative,
    )


def _same(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    return np.asarray(np.isclose(a, b, rtol=_ALIKE, atol=0, equal_nan=True))


def _changes(a: NDArray[Any], b: NDArray[Any], span: float) -> tuple[float | None, float | None]:
    """How much outputs change: on the average, and beside how much they differ anyway."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(all="ignore"):  # infinities have no differences
        difference = b - a
    known = difference[np.isfinite(difference)]
    if not known.size:
        return None, None
    spread = float(a[np.isfinite(a)].std())
    change = float(np.mean(np.abs(known))) / span if 0 < span < math.inf else None
    return change, math.sqrt(float(np.mean(known * known))) / spread if spread else None


def _moved(plan: Plan | None, axes: Layout, along: int, shift: int, outputs: Moved) -> float | None:
    """The share of outputs that are found again a whole number of strides on."""
    stride = 1
    if plan is not None:
        starts = plan.windows[axes.spatial.index(along)].starts
        stride = starts.step if isinstance(starts, range) else 0
    places, rest = divmod(shift, stride) if stride else (0, 1)
    if rest or places >= outputs.first.shape[along]:
        return None
    there = moved_by(outputs.first, along, places).second
    here = moved_by(outputs.second, along, places).first
    return float(_same(there, here).mean())
