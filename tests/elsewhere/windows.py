"""The windows of a golden case: what the named differences look at, and what they make of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.elsewhere.golden import GEOMETRIES, Golden
from tests.spec.windows import Refused, Window, spatial_axes


def explicit_axes(g: Golden) -> list[tuple[int, int, int, int, tuple[int, int]]]:
    """(cells, kernel, stride, effective kernel, pads) of each axis; none if padding is a word."""
    padding = g.geometry.get("padding", 0)
    padding = 0 if padding == "valid" else padding
    if g.kind != "sliding" or isinstance(padding, str):
        return []
    axes = []
    for i, n in enumerate(spatial_shape(g)):
        asked = (*(g.geometry[key] for key in ("size", "stride")), g.geometry.get("dilation", 1))
        size, stride, dilation, pads = (
            value if isinstance(value, int) else value[i] for value in (*asked, padding)
        )
        pads = (pads, pads) if isinstance(pads, int) else pads
        axes.append((n, size, stride, (size - 1) * dilation + 1, pads))
    return axes


def spatial_shape(g: Golden) -> tuple[int, ...]:
    return tuple(g.x.shape[i] for i in spatial_axes(g.layout))


def windows(g: Golden) -> list[list[Window]]:
    return GEOMETRIES[g.kind](**g.geometry)(spatial_shape(g))


def exceeds_padded_input(g: Golden) -> bool:
    return any(e > n + sum(pads) for n, _, _, e, pads in explicit_axes(g))


def exceeds_by_a_stride(g: Golden) -> bool:
    return any(e - n - sum(pads) >= s for n, _, s, e, pads in explicit_axes(g))


def needs_less_than_none(g: Golden) -> bool:
    """Automatic padding comes to a negative number on some axis."""
    if g.geometry.get("padding") not in ("same", "same-lower"):
        return False
    size, stride, dilation = (
        np.broadcast_to(g.geometry.get(key, 1), len(spatial_shape(g))).tolist()
        for key in ("size", "stride", "dilation")
    )
    return any(
        (-(-n // s) - 1) * s + (k - 1) * d + 1 < n
        for n, k, s, d in zip(spatial_shape(g), size, stride, dilation, strict=True)
    )


def steps_over(g: Golden) -> bool:
    """Some dilated window has all its cells before, between and past those that there are."""
    if g.kind != "sliding":
        return False
    try:
        return any(not window.cells for row in windows(g) for window in row)
    except Refused:
        return False


def unit_steps(g: Golden) -> bool:
    return set(np.ravel(g.geometry["stride"])) == set(np.ravel(g.geometry["dilation"])) == {1}


def per_window(g: Golden, measure: Callable[[np.ndarray], Any]) -> np.ndarray:
    """A number for each window; NCHW and its kind, with or without N."""
    rows = windows(g)
    lead = g.x.shape[: g.x.ndim - len(rows)]
    out = np.zeros((*lead, *map(len, rows)), object)
    for at in np.ndindex(*map(len, rows)):
        cells = np.ix_(*(row[i].cells for row, i in zip(rows, at, strict=True)))
        for place in np.ndindex(*lead):
            out[(*place, *at)] = measure(g.x[place][cells])
    return out


def nans_of_windows(g: Golden) -> np.ndarray:
    return per_window(g, lambda cells: int(np.isnan(cells).sum()))


def whole_kernel(g: Golden, ours: np.ndarray) -> np.ndarray:
    """Lp of a clipped window as if its missing cells were like the others, in the array's type."""
    full = math.prod(k for _, k, _, _, _ in explicit_axes(g))
    real = per_window(g, lambda cells: cells.size).astype(np.float64)
    norm = g.options["norm"]
    with np.errstate(all="ignore"):
        scaled = ours.astype(np.float64) * (full / real) ** (1 / norm)
        powers = (np.abs(scaled) ** norm).astype(ours.dtype)
        return np.where(np.isinf(powers), np.inf, scaled).astype(ours.dtype)


def rounded_starts(g: Golden, exact: bool = False) -> list[list[int]]:
    """Starts of fractional windows with α and (i + u)·α in the array's own float type."""
    starts = []
    for axis, row in enumerate(windows(g)):
        kind = g.x.dtype.type
        u, last = kind(g.geometry["samples"][axis]), row[-1].cells[0]
        found = [window.cells[0] for window in row]
        if len(row) > 1 and not exact:
            alpha = kind(last) / kind(len(row) - 1)
            first = [int(kind(kind(i) + u) * alpha) for i in range(len(row) - 1)]
            found = [s - int(u * alpha) for s in first] + [last]
        starts.append(found)
    return starts


def from_rounded_starts(g: Golden, ours: np.ndarray) -> np.ndarray:
    size = g.geometry["size"]
    starts = rounded_starts(g)
    sizes = [size] * len(starts) if isinstance(size, int) else size
    out = np.empty_like(ours)
    lead = out.ndim - len(starts)
    for at in np.ndindex(out.shape[lead:]):
        where = tuple(
            slice(row[i], row[i] + k) for row, i, k in zip(starts, at, sizes, strict=True)
        )
        window = g.x[(..., *where)]
        out[(..., *at)] = window.max(axis=tuple(range(lead, out.ndim)))
    return out
