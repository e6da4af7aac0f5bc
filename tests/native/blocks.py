"""Pooling by the kernels alone, whole or in blocks of any cut: what the tests compare."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from poolcli import parameters
from poolcli.dtypes import as_typed
from poolcli.engine import native
from poolcli.layout import Layout
from poolcli.ops import find_op
from poolcli.windows import Windows

# The ops whose kernels these are.
MAKERS = {"argquantile": parameters.quantile_position, "quantile": parameters.quantile}
MAKERS |= dict.fromkeys(parameters.DRAWS, parameters.stochastic)
DEFAULTS = {"q": 0.5, "method": "linear", "seed": 0}


def params_of(op: str, params: dict[str, Any]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The p and q of an op's kernel, for its parameters by name."""
    make = MAKERS.get(op) or getattr(parameters, op, None)
    if make is None:
        return (), ()
    known = DEFAULTS | {"mode": op} | params
    kernel = make(**{name: known[name] for name in inspect.signature(make).parameters})
    return kernel.p, kernel.q


def passes_of(op: str, dtype: np.dtype) -> int:
    """How often windows in pieces are wanted."""
    kernels = {"mode": find_op("mode").kernel({}), **{n: m(0.5, "lower") for n, m in RANKING}}
    return kernels[op].passes(dtype) if op in kernels else 1


RANKING = (("quantile", parameters.quantile), ("argquantile", parameters.quantile_position))
PLACES = {"plane": "DHW", "channels-last": "DHWC"}


def view_axes(layout: str, *, inner: bool) -> tuple[int, tuple[int, ...]]:
    """How many lead axes the view has, and the order of axes; channels are inner if wanted."""
    spatial = Layout(layout).spatial
    last = [layout.index("C")] if inner and "C" in layout else []
    lead = [a for a in range(len(layout)) if a not in spatial and a not in last]
    return len(lead), (*lead, *spatial, *last)


def coefficients(
    letters: str, layout: str, shape: Sequence[int], order: Sequence[int]
) -> list[int]:
    """Coefficients that number cells in C order of ``letters``, for the view's axes."""
    steps, step = dict.fromkeys(layout, 0), 1
    for letter in reversed(letters):
        if letter in layout:
            steps[letter] = step
            step *= shape[layout.index(letter)]
    return [steps[layout[axis]] for axis in order]


def pool_native(
    x: np.ndarray,
    op: str,
    windows: tuple[Windows, ...],
    out_dtype: Any,
    *,
    layout: str,
    inner: bool | None = None,
    cut: int | None = None,
    seed: int = 0,
    nan: str = "propagate",
    nodata: Any = None,
    min_valid: float = 0,
    index: str = "plane",
    params: Any = ((), ()),
    **options: Any,
) -> np.ndarray:
    """Pool ``x``; ``cut``: in blocks of up to so many windows or lead cells along each axis.

    ``inner``: whether channels are an inner axis; None for where the layout has them last.
    """
    inner = layout.endswith("C") if inner is None else inner
    lead, order = view_axes(layout, inner=inner)
    shape = list(x.shape)
    for axis, w in zip(Layout(layout).spatial, windows, strict=True):
        shape[axis] = w.out
    out = np.empty(shape, out_dtype)
    cells, results = x.transpose(order), out.transpose(order)
    missing = None
    if nan == "skip" or nodata is not None:
        least = as_typed(min_valid).limit_denominator(10**9)
        fill = nodata
        if nodata is None:
            fill = -1 if op.startswith("arg") else np.nan
        missing = native.Missing(
            nan == "skip" and x.dtype.kind == "f",
            None if nodata is None else x.dtype.type(nodata),
            fill,
            (least.numerator, least.denominator),
        )
    work = native.Work(
        op,
        x.dtype,
        out.dtype,
        windows,
        lead,
        inner=inner and "C" in layout,
        params=params,
        missing=missing,
        cell_coefs=coefficients(PLACES.get(index, layout), layout, x.shape, order),
        window_coefs=coefficients("NCDHW", layout, out.shape, order),
        **options,
    )
    if cut is None:
        work.block(cells, results)
        return out
    random = np.random.default_rng(seed)
    ranges = [
        list(itertools.pairwise(_edges(n, cut, random)))
        for n in results.shape[: lead + len(windows)]
    ]
    for block in itertools.product(*ranges):
        _one_block(work, cells, results, block, lead, random)
    return out


def _edges(n: int, cut: int, random: np.random.Generator) -> list[int]:
    edges = [0]
    while edges[-1] < n:
        edges.append(min(n, edges[-1] + int(random.integers(1, cut + 1))))
    return edges


def _one_block(
    work: native.Work, cells: Any, results: Any, block: Any, lead: int, random: Any
) -> None:
    """A block with a copy of just the cells that it covers, or some more."""
    box = [slice(*part) for part in block[:lead]]
    held = []
    for w, (first, stop) in zip(work.windows, block[lead:], strict=True):
        low, high = native.covered_cells(w, first, stop, mirrors=work.weights is not None)
        low, high = max(0, low - int(random.integers(2))), min(w.n, high + int(random.integers(2)))
        held.append(max(low, 0))
        box.append(slice(held[-1], high))
    out = results[tuple(slice(*part) for part in block)]
    firsts = [first for first, _ in block[:lead]]
    work.block(cells[tuple(box)].copy(), out, block[lead:], held, firsts)
