"""One strict JSON object per input."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from poolcli.report.words import per_axis, safe

if TYPE_CHECKING:
    from poolcli.plan import Plan
    from poolcli.report.result import Result


def json_line(result: Result) -> str:
    r"""Return one line of strict, ASCII-only JSON that describes ``result``.

    ``values`` (nested lists, in the output's own axis order) is there unless the output was
    written to a file. Window numbers stand per spatial axis, padding as [before, after] pairs,
    so that ``same`` tells what it came to.

    JSON has no NaN and no infinities: they become the strings ``"NaN"``, ``"Infinity"`` and
    ``"-Infinity"``, which ``float()`` and ``numpy.array(..., float)`` read back. Bytes of a name
    that are no text appear escaped, ``\xff``.
    """
    plan = result.plan
    record: dict[str, Any] = {
        "label": text(result.label),
        **_operation(plan),
        "input": _array(plan.input_shape, plan.input_dtype, plan.layout),
        "output": _array(*_of_output(plan)),
        "dropped": dict(plan.dropped),
        "written": None if result.written is None else text(result.written),
    }
    if result.written is None:
        record["values"] = plain_values(result.array)
    return json.dumps(record, allow_nan=False)


def text(name: str) -> str:
    """Keep what JSON can carry; lone surrogates are legal JSON that many parsers refuse."""
    return "".join(safe(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def _array(shape: tuple[int, ...], dtype: Any, layout: str) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype.name, "layout": layout}


def _operation(plan: Any) -> dict[str, Any]:
    if not hasattr(plan, "stages"):
        return {"op": plan.request.op, "windows": _windows(plan)}
    stages = [
        {"stage": stage.stage.text, "output": _array(*_of_output(stage))} for stage in plan.stages
    ]
    return {"op": "chain", "stages": stages}


def _of_output(plan: Any) -> tuple[tuple[int, ...], Any, str]:
    return plan.output_shape, plan.output_dtype, plan.output_layout


def _windows(plan: Plan) -> dict[str, Any]:
    geometry: Any = plan.request.geometry
    if not hasattr(geometry, "size"):
        return {"kind": "global"}
    axes = len(plan.windows)
    size = per_axis(geometry.size, axes)
    return {
        "kind": "sliding",
        "size": size,
        "stride": size if geometry.stride is None else per_axis(geometry.stride, axes),
        "padding": [[axis.pad_before, axis.pad_after] for axis in plan.windows],
        "dilation": per_axis(geometry.dilation, axes),
        "ceil_mode": geometry.ceil_mode,
    }


def plain_values(array: Any) -> Any:
    """Return nested lists of what strict JSON can carry."""
    values = array.tolist()
    if array.dtype.kind == "f":
        return _without_nan(values)
    return values


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    value = float(value)  # a long double's tolist() gives itself back
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
