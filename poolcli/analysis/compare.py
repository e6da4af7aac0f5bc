"""Several ops on the same windows of one array: what comes out, what is lost, what disturbs it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.quality import as_planes, psnr, put_back, ssim, times_covered
from poolcli.errors import InputError, PoolError
from poolcli.geometry import Sliding
from poolcli.layout import Layout, show_shape
from poolcli.ops import find_op
from poolcli.plan import Plan
from poolcli.request import Request
from poolcli.windows import Windows

STRONGEST = 0.99  # the quantile of a plane above which its peaks are
NOISE = 0.05  # the standard deviation of the noise, as a share of the range
MOST_RAISED = 1024  # cells of a window that are raised in turn; of more of them a selection
_WORK = 2**26  # cells that may be pooled on that account


class Measurement(NamedTuple):
    """What one op makes of an array.

    ``output`` is the result itself, or None where it is not wanted; ``low``, ``high`` and ``mean``
    are of its values other than NaN. All figures that compare are None where they have no meaning,
    see :func:`compare`.
    """

    plan: Plan
    output: NDArray[Any] | None
    data_range: float
    low: float | None
    high: float | None
    mean: float | None
    psnr: float | None
    ssim: float | None
    peaks: float | None
    outlier: float | None
    noise: float | None
    noise_bias: float | None


class Refused(NamedTuple):
    """An op that cannot pool this array, and why."""

    op: str
    error: PoolError


def compare(
    x: NDArray[Any],
    requests: Sequence[Request],
    layout: str | None = None,
    *,
    outputs: bool = True,
) -> Iterator[Measurement | Refused]:
    """Pool ``x`` as each of the requests says, and give what can be measured of each result.

    ``layout`` is what the file tells, if it does; without ``outputs`` the figures alone are given,
    so that no more than one output is in memory at a time. With R the :func:`data_range`:

    psnr, ssim
        of the outputs put back on the cells of their windows, against ``x``: PSNR in decibels over
        all covered cells, SSIM as the mean over planes of the covered rectangle. None for an op
        that does not keep a constant (sums, norms, spreads). SSIM is also None where cells between
        windows are left out, an axis has fewer than 7 cells, or R is 0.
    peaks
        of the windows with a cell among the strongest hundredth of its plane, the share whose
        output is as strong. None as for psnr.
    outlier
        each cell of the middle window rises by R in turn: the largest change of the output, / R.
    noise, noise_bias
        root mean square and mean of what noise of σ = R/20 changes, / σ; None for ops that draw.

    Raises UsageError or InputError where the windows do not fit the array, whatever the op.

    >>> y, = compare(np.arange(16.0).reshape(4, 4), [Request("avg", Sliding(2))])
    >>> y.mean, y.outlier
    (7.5, 0.25)
    """
    requests[0].plan(x.shape, x.dtype, layout)  # whose refusal is of the windows, not of its op
    refuse_nothing(x)
    span = data_range(x)
    real = x.astype(np.float64)
    noise = np.random.default_rng(0).normal(0, NOISE * span, x.shape) if _is_range(span) else None
    for request in requests:
        try:
            plan = request.plan_alone(x.shape, x.dtype, layout)
            with np.errstate(all="ignore"):  # infinities have no differences
                compared = _measure(plan, plan.run(x), real, noise, span)
            yield compared if outputs else compared._replace(output=None)
        except PoolError as error:
            yield Refused(request.op, error)


def data_range(x: NDArray[Any]) -> float:
    """The range that values of ``x`` can have (uint8, uint16) or else the one they do have.

    >>> data_range(np.zeros(3, np.uint8)), data_range(np.array([1.5, 4, np.nan]))
    (255.0, 2.5)
    """
    if x.dtype.name in ("uint8", "uint16"):
        return float(np.iinfo(x.dtype).max)
    finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    # As Python's numbers, which do not wrap; their difference may still be infinite.
    return float(finite.max()) - float(finite.min()) if finite.size else 0.0


def refuse_nothing(x: NDArray[Any]) -> None:
    """Refuse an array of which there is nothing to measure."""
    if not x.size:
        raise InputError(f"there are no values to measure in {show_shape(x.shape)}")


def draws(op: str) -> bool:
    """Whether the op's results are drawn at random."""
    return any(param.name == "seed" for param in find_op(op).params)


def _is_range(span: float) -> bool:
    return 0 < span < math.inf


def _measure(
    plan: Plan,
    output: NDArray[Any],
    real: NDArray[np.float64],
    noise: NDArray[np.float64] | None,
    span: float,
) -> Measurement:
    known = output[~np.isnan(output)] if output.dtype.kind == "f" else output
    low = high = mean = similar = ratio = peaks = outlier = changed = bias = None
    if known.size:
        low, high = float(known.min()), float(known.max())
        mean = _unless_nan(float(known.mean(dtype=np.float64)))
    if _keeps_constants(plan):
        ratio, similar, peaks = _quality(plan, output, real, span)
    if noise is not None:
        exact = _as_float64(plan)
        base = exact.run(real)
        outlier = _outlier(exact, real, base, span)
        if not draws(plan.request.op):
            changed, bias = _spread_of(exact.run(real + noise) - base, NOISE * span)
    return Measurement(
        plan, output, span, low, high, mean, ratio, similar, peaks, outlier, changed, bias
    )


def _unless_nan(value: float) -> float | None:
    """A mean, which infinities of both signs do not have."""
    return None if math.isnan(value) else value


def _as_float64(plan: Plan) -> Plan:
    """The same pooling of real numbers, so that nothing wraps or is rounded on the way."""
    return plan.request.plan_alone(plan.input_shape, np.dtype(np.float64), plan.layout)


def _keeps_constants(plan: Plan) -> bool:
    """Whether a plane of equal values gives the same value everywhere."""
    sizes = [plan.input_shape[axis] for axis in Layout(plan.layout).spatial]
    flat = np.full(sizes, 2.0)
    request = replace(plan.request, layout=Layout(plan.layout).spatial_letters, keepdims=True)
    return bool(
        np.allclose(request.plan_alone(flat.shape, flat.dtype).run(flat), 2, rtol=1e-6, atol=0)
    )


def _quality(
    plan: Plan, output: NDArray[Any], real: NDArray[np.float64], span: float
) -> tuple[float | None, float | None, float | None]:
    planes, outputs = as_planes(real, plan.layout), as_planes(output, plan.layout)
    again = put_back(outputs, plan.windows)
    corner = [_covered_from_the_start(w) for w in plan.windows]
    similar = None
    if None not in corner:
        rectangle = (slice(None), *(slice(n) for n in corner))
        similar = ssim(planes[rectangle], again[rectangle], span)
    return psnr(planes, again, span), similar, _peaks(plan, planes, outputs)


def _covered_from_the_start(w: Windows) -> int | None:
    """How many cells windows cover, where those are the first ones without a gap."""
    covered = times_covered(w) > 0
    count = int(covered.sum())
    return count if covered[:count].all() else None


def _peaks(plan: Plan, planes: NDArray[np.float64], outputs: NDArray[Any]) -> float | None:
    """The share of windows with one of their plane's strongest cells that still show it."""
    flat = planes.reshape(len(planes), -1)
    threshold = np.full(len(flat), np.inf)
    whole = ~np.isnan(flat).all(axis=1)
    threshold[whole] = np.nanquantile(flat[whole], STRONGEST, axis=1)
    threshold = threshold.reshape(-1, *(1,) * (planes.ndim - 1))
    letters = "N" + Layout(plan.layout).spatial_letters
    strong = same_windows(plan, letters, planes.shape).run(planes >= threshold)
    shown = strong & (outputs >= threshold)
    return float(shown.sum() / strong.sum()) if strong.any() else None


def same_windows(plan: Plan, layout: str, shape: tuple[int, ...]) -> Plan:
    """A plan that says which windows of ``plan`` hold a True cell of an array of ``shape``."""
    request, geometry = plan.request, plan.request.geometry
    if isinstance(geometry, Sliding) and geometry.padding is None:
        geometry = replace(geometry, padding=find_op(request.op).padding)
    marked = Request("max", geometry, layout=layout, like=request.like)
    return marked.plan_alone(shape, np.dtype(np.bool_))


def _outlier(
    plan: Plan, real: NDArray[np.float64], base: NDArray[np.float64], span: float
) -> float | None:
    """The largest change of the middle output when a cell of its window rises, in ranges."""
    axes = Layout(plan.layout)
    middle = [w.out // 2 for w in plan.windows]
    alone, corner, at = _cut_out(plan, middle)
    x = real[_along(axes, corner)].copy()
    place = _along(axes, at)
    before = base[_along(axes, middle)]
    largest = 0.0
    for cell in _raised_cells(plan, middle, corner, x):
        where = _along(axes, cell)
        original = x[where].copy()
        x[where] += span
        after = alone.run(x)[place]
        x[where] = original
        change = np.abs(after - before)
        largest = max(largest, float(change[~np.isnan(change)].max(initial=0)))
    return largest / span if np.isfinite(before).any() else None


def _along(axes: Layout, indices: Sequence[Any]) -> tuple[Any, ...]:
    """An index that is one of ``indices`` for each spatial axis, and all of the others."""
    by_axis = dict(zip(axes.spatial, indices, strict=True))
    return tuple(by_axis.get(axis, slice(None)) for axis in range(len(axes.letters)))


def _cut_out(plan: Plan, at: Sequence[int]) -> tuple[Plan, list[slice], list[int]]:
    """The pooling of a part that holds one window, the part, and which of its windows that is.

    A window at an edge keeps its whole axis, as what happens there may depend on the edge; and
    where values are drawn, the draw depends on the place.
    """
    geometry = plan.request.geometry
    if draws(plan.request.op) or not isinstance(geometry, Sliding):
        return plan, [slice(0, w.n) for w in plan.windows], list(at)
    part, places, padding = [], [], []
    for w, i in zip(plan.windows, at, strict=True):
        inside = w.starts[i] >= 0 and w.end(i) <= w.n
        part.append(slice(w.starts[i], w.end(i)) if inside else slice(0, w.n))
        places.append(0 if inside else i)
        padding.append((0, 0) if inside else (w.pad_before, w.pad_after))
    said = find_op(plan.request.op).padding if geometry.padding is None else geometry.padding
    by_word = isinstance(said, str) and said != "valid"  # which leaves no say to the ceil mode
    ceil_mode = geometry.ceil_mode and not by_word
    geometry = replace(geometry, padding=tuple(padding), ceil_mode=ceil_mode)
    shape = list(plan.input_shape)
    for axis, cells in zip(Layout(plan.layout).spatial, part, strict=True):
        shape[axis] = cells.stop - cells.start
    request = replace(plan.request, geometry=geometry)
    return request.plan_alone(tuple(shape), plan.input_dtype, plan.layout), part, places


def _raised_cells(
    plan: Plan, at: Sequence[int], part: Sequence[slice], x: NDArray[np.float64]
) -> Iterator[tuple[int, ...]]:
    """The cells of a window that are to be raised, as places in the part that was cut out.

    All of them, or where those are too many: the first, the last, the middle one and others at
    even distances, and so by the rank of their values in the first plane.
    """
    cells = [
        [cell - cut.start for cell in w.cells(i)]
        for w, i, cut in zip(plan.windows, at, part, strict=True)
    ]
    sizes = [len(some) for some in cells]
    count = math.prod(sizes)
    most = min(MOST_RAISED, max(16, _WORK // x.size))
    chosen: Sequence[int] = range(count)
    if count > most:
        values = as_planes(x, plan.layout)[0][np.ix_(*cells)]
        even = np.linspace(0, count - 1, most // 2 | 1).round().astype(int)
        by_rank = np.argsort(values, axis=None, kind="stable")[even]
        middle = np.ravel_multi_index([n // 2 for n in sizes], sizes)
        chosen = np.unique([*even, *by_rank, middle]).tolist()
    for number in chosen:
        index = np.unravel_index(number, sizes)
        yield tuple(some[int(i)] for some, i in zip(cells, index, strict=True))


def _spread_of(change: NDArray[np.float64], unit: float) -> tuple[float | None, float | None]:
    """Root mean square and mean of what is finite, in units."""
    known = change[np.isfinite(change)] / unit
    if not known.size:
        return None, None
    return math.sqrt(float(np.mean(known * known))), float(known.mean())
