"""The readable specification: pooling in plain Python loops, one window and one cell at a time.

Nothing here is fast and nothing is clever. The program is right when it agrees with this file, and
this file is right when each function reads like the rule it cites (S1 to S14 of the design).

    naive_pool(x, "max", sliding(2), layout="NCHW")
    naive_pool(x, "avg", sliding((3, 2), stride=2, padding=1), count_include_pad=True)
    naive_pool(x, "median", whole(), nan="skip", keepdims=False)

`naive_windows` says which cells a window covers, `naive_ops` what a window's cells become; here
is the walk. Anything that has no answer raises `Refused`.
"""

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from tests.spec.ops import EMPTY, OPS, Number, result_dtype, store, total
from tests.spec.windows import (
    AXIS_NAMES,
    Geometry,
    Refused,
    Window,
    adaptive,
    layout_of,
    spatial_axes,
)  # fmt: skip


def planes(x: np.ndarray, layout: str) -> Iterator[tuple[dict[int, int], np.ndarray]]:
    """S4: every spatial plane by itself, with its batch and channel (axis -> index)."""
    spatial = spatial_axes(layout)
    others = [axis for axis in range(x.ndim) if axis not in spatial]
    for position in np.ndindex(*(x.shape[axis] for axis in others)):
        fixed = dict(zip(others, position, strict=True))
        yield fixed, x[tuple(fixed.get(axis, slice(None)) for axis in range(x.ndim))]


def windows_of(x: np.ndarray, layout: str, geometry: Geometry) -> list[list[Window]]:
    """S2: no axis without a window, no window without a real cell."""
    axes = spatial_axes(layout)
    windows = geometry(tuple(x.shape[axis] for axis in axes))
    for axis, row in zip(axes, windows, strict=True):
        if not row or not all(window.cells for window in row):
            raise Refused(f"{AXIS_NAMES[layout[axis]]}: a window without a real cell")
    return windows


def out_index(fixed: dict[int, int], layout: str, at: Sequence[int]) -> tuple[int, ...]:
    """Where the result of the window `at` (one number per spatial axis) of one plane goes."""
    position = {**fixed, **dict(zip(spatial_axes(layout), at, strict=True))}
    return tuple(position[axis] for axis in range(len(layout)))


def cells_of(windows: list[list[Window]], at: Sequence[int]) -> list[tuple[int, ...]]:
    """The real cells of one window of a plane, in C order."""
    return list(product(*(row[i].cells for row, i in zip(windows, at, strict=True))))


def is_nan(value: Number) -> bool:
    return bool(value != value)


def pool_window(
    cells: list[Number], padded: int, op: str, *, nan: str, nodata: float | None,
    min_valid: float, count_include_pad: bool, divisor: float | None, params: dict[str, Any],
) -> Number:  # fmt: skip
    """S3 and S5: which cells of the window are candidates, and what an average divides by.

    What comes first wins: what is marked as missing, a NaN that is refused, a window with too few
    cells, a NaN that propagates.
    """
    real = len(cells)
    if nodata is not None:
        cells = [c for c in cells if c != nodata and not (is_nan(nodata) and is_nan(c))]
    if nan == "error" and any(map(is_nan, cells)):
        raise Refused("NaN")
    if nan == "skip":
        cells = [c for c in cells if not is_nan(c)]
    if not cells or len(cells) < min_valid * real:
        return EMPTY.get(op, math.nan if nodata is None else nodata)
    looked_at = cells[:1] if op == "subsample" else cells  # which reads no other
    if any(map(is_nan, looked_at)) and op != "count":
        return math.nan
    count = len(cells) + (padded - real if count_include_pad else 0)
    return OPS[op](cells, count=count if divisor is None else Fraction(divisor), **params)


def naive_pool(
    x: np.ndarray, op: str, geometry: Geometry, *, layout: str | None = None,
    nan: str = "propagate", nodata: float | None = None, min_valid: float = 0,
    count_include_pad: bool = False, divisor: float | None = None, dtype: Any = None,
    fit: str = "exact", keepdims: bool = True, **params: Any,
) -> np.ndarray:  # fmt: skip
    """Pool `x` with any op, geometry and layout; `Refused` where the rules give no answer."""
    layout = layout_of(x.ndim, layout)
    windows = windows_of(x, layout, geometry)
    spatial = spatial_axes(layout)
    shape = list(x.shape)
    for axis, row in zip(spatial, windows, strict=True):
        shape[axis] = len(row)
    natural = result_dtype(op, x.dtype, **params)
    target = natural if dtype is None else np.dtype(dtype)
    out = np.empty(shape, target)
    for fixed, plane in planes(x, layout):
        values = plane.tolist()  # Python numbers: no NumPy arithmetic from here on
        for at in np.ndindex(*map(len, windows)):
            cells = [dig(values, cell) for cell in cells_of(windows, at)]
            padded = math.prod(row[i].padded for row, i in zip(windows, at, strict=True))
            result = pool_window(
                cells, padded, op, nan=nan, nodata=nodata, min_valid=min_valid,
                count_include_pad=count_include_pad, divisor=divisor, params=params,
            )  # fmt: skip
            out[out_index(fixed, layout, at)] = store(result, target, natural, fit)
    return out if keepdims else out.squeeze(axis=tuple(spatial))


def dig(nested: Any, position: Sequence[int]) -> Number:
    for i in position:
        nested = nested[i]
    return int(nested) if isinstance(nested, bool) else nested


def naive_pyramid(
    x: np.ndarray, op: str, levels: Sequence[int], *, layout: str | None = None, **options: Any
) -> np.ndarray:
    """S12: adaptive at each level; all bins in one axis, where the first spatial axis was."""
    layout = layout_of(x.ndim, layout)
    spatial = spatial_axes(layout)
    parts = []
    for level in levels:
        pooled = naive_pool(x, op, adaptive(level), layout=layout, **options)
        together = np.moveaxis(pooled, spatial, range(spatial[0], spatial[0] + len(spatial)))
        bins = level ** len(spatial)
        shape = (*together.shape[: spatial[0]], bins, *together.shape[spatial[0] + len(spatial) :])
        parts.append(together.reshape(shape))
    return np.concatenate(parts, axis=spatial[0])


def naive_blur(
    x: np.ndarray, size: int, stride: int, *, layout: str | None = None, nan: str = "propagate"
) -> np.ndarray:
    """S13: binomial weights C(k-1, j) / 2^(k-1) around every stride-th cell, edges mirrored."""
    layout = layout_of(x.ndim, layout)
    spatial = spatial_axes(layout)
    sizes = [x.shape[axis] for axis in spatial]
    if 0 in sizes:
        raise Refused("an axis without cells")
    shape = [-(-n // stride) if axis in spatial else n for axis, n in enumerate(x.shape)]
    out = np.empty(shape, result_dtype("blur", x.dtype))
    weights = [Fraction(math.comb(size - 1, j), 2 ** (size - 1)) for j in range(size)]
    taps = list(product(range(size), repeat=len(spatial)))
    window = [(steps, math.prod(weights[j] for j in steps)) for steps in taps]
    for fixed, plane in planes(x, layout):
        values = plane.tolist()
        for at in np.ndindex(*(shape[axis] for axis in spatial)):
            pairs = []
            for steps, weight in window:
                reach = [i * stride + j - (size - 1) // 2 for i, j in zip(at, steps, strict=True)]
                cell = tuple(mirror(p, n) for p, n in zip(reach, sizes, strict=True))
                pairs.append((dig(values, cell), weight))
            if nan == "skip":
                pairs = [(value, weight) for value, weight in pairs if not is_nan(value)]
            value = weighted_mean(pairs) if pairs else math.nan
            out[out_index(fixed, layout, at)] = store(value, out.dtype, out.dtype)
    return out


def mirror(p: int, n: int) -> int:
    """Reflect padding: ... 2 1 | 0 1 2 ... n-1 | n-2 n-3 ..., as often as it takes."""
    if n == 1:
        return 0
    p %= 2 * (n - 1)
    return min(p, 2 * (n - 1) - p)


def weighted_mean(pairs: list[tuple[Number, Fraction]]) -> Number:
    if any(is_nan(value) or math.isinf(value) for value, _ in pairs):
        return sum(value for value, _ in pairs if is_nan(value) or math.isinf(value))
    weights = [weight for _, weight in pairs]
    return total([Fraction(value) * weight for value, weight in pairs]) / total(weights)
