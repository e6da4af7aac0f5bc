"""Cells that do not count: nodata, NaN that is skipped, and those that a mask leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.dtypes import as_cell, as_typed
from poolcli.engine.masked import marker
from poolcli.engine.native import Missing
from poolcli.errors import InputError, UsageError
from poolcli.layout import AXIS_NAMES
from poolcli.ops import find_op

if TYPE_CHECKING:
    from poolcli.plan import Plan
    from poolcli.request import Request


def missing_cells(
    request: Request,
    cells: np.dtype[Any],
    result: np.dtype[Any],
    target: np.dtype[Any],
    *,
    skips_nan: bool,
    masked: bool,
    fills: bool,
) -> Missing:
    """Say which ``cells`` do not count, and what windows give that have too few others.

    ``result`` is the dtype that the kernel gives, ``target`` that of what is written. ``fills``:
    results are values of cells' kind, so that nodata stands for those that are missing.
    """
    # As typed, and in whole numbers: 7 of 25 cells are 0.28, and 0.28 · 25 as floats is more.
    share = as_typed(request.min_valid).limit_denominator(10**9)
    least = (share.numerator, share.denominator)
    fill: Any = np.nan if result.kind == "f" else -1
    empty = find_op(request.op).empty
    if fills and empty is not None:
        fill, fills = result.type(empty), False
    if request.nodata is None:
        return Missing(skips_nan, marker(cells) if masked else None, fill, least)
    value = as_cell(request.nodata, cells, "input")
    if fills:
        # Of integers into integers nothing need pass through a float.
        whole = cells.kind in "iu" and target.kind in "iu"
        fill = as_cell(request.nodata, target if whole else result, "result")
    if isinstance(value, np.floating) and np.isnan(value):
        return Missing(True, None, fill, least)
    return Missing(skips_nan, value, fill, least)


def marker_of(nodata: float | None, cells: np.dtype[Any]) -> Any:
    """What masked cells are seen as: nodata, or else a value that no other cell has."""
    return marker(cells) if nodata is None else as_cell(nodata, cells, "input")


def refuse_empty(plan: Plan, target: np.dtype[Any]) -> None:
    """Refuse windows of masked cells alone, where no number of ``target`` can say that they are."""
    if plan.mask is None or plan.request.nodata is not None or target.kind == "f":
        return
    if find_op(plan.request.op).empty is not None:
        return
    if plan.request.min_valid:
        raise UsageError("min_valid beside a mask over integers needs `nodata`")
    plain = replace(
        plan.request,
        op="max",
        mask=None,
        weights=None,
        nan="propagate",
        dtype=None,
        divisor=None,
        count_include_pad=None,
        keepdims=True,
        params={},
    )
    there = replace(
        plan,
        request=plain,
        mask=None,
        weights=None,
        input_dtype=np.dtype(bool),
        output_dtype=np.dtype(bool),
        kernel=find_op("max").kernel({}),
    ).run(~plan.mask)
    if not there.all():
        place = np.unravel_index(int(np.argmin(there)), there.shape)
        named = zip(plan.layout, place, strict=True)
        where = ", ".join(f"{AXIS_NAMES[letter]} {i}" for letter, i in named)
        raise InputError(f"the window at {where} has masked cells alone; say `nodata` for it")
