"""One strict JSON object per input."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from poolcli.report.asked import facts, index_convention
from poolcli.report.words import safe

if TYPE_CHECKING:
    from poolcli.report.result import Result


def json_line(result: Result, *, values: bool = True) -> str:
    r"""Return one line of strict, ASCII-only JSON that describes ``result``.

    ``values`` (nested lists, in the output's own axis order) is there unless the output was
    written to a file, or values are not wanted. Window numbers stand per spatial axis, padding as
    [before, after] pairs, so that ``same`` tells what it came to.

    JSON has no NaN and no infinities: they become the strings ``"NaN"``, ``"Infinity"`` and
    ``"-Infinity"``, which ``float()`` and ``numpy.array(..., float)`` read back. Bytes of a name
    that are no text appear escaped, ``\xff``.
    """
    import json

    plan = result.plan
    record: dict[str, Any] = {
        "label": text(result.label),
        **_operation(plan),
        "input": _array(plan.input_shape, plan.input_dtype, plan.layout),
        "output": _array(*_of_output(plan)),
        "dropped": dict(plan.dropped),
        "warnings": [text(warning) for warning in result.warnings],
        "written": None if result.written is None else text(result.written),
    }
    if result.indices is not None:
        record["indices"] = {"convention": index_convention(plan), "written": text(result.indices)}
    if values and result.written is None:
        record["values"] = plain_values(result.array)
    return json.dumps(record, allow_nan=False)


def text(name: str) -> str:
    """Keep what JSON can carry; lone surrogates are legal JSON that many parsers refuse."""
    return "".join(safe(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def _array(shape: tuple[int, ...], dtype: Any, layout: str) -> dict[str, Any]:
    return {"shape": list(shape), "dtype": dtype.name, "layout": layout}


def _operation(plan: Any) -> dict[str, Any]:
    if not hasattr(plan, "stages"):
        return facts(plan)
    stages = [
        {"stage": stage.stage.text, "output": _array(*_of_output(stage))} for stage in plan.stages
    ]
    return {"op": "chain", "stages": stages}


def _of_output(plan: Any) -> tuple[tuple[int, ...], Any, str]:
    return plan.output_shape, plan.output_dtype, plan.output_layout


def plain_values(array: Any) -> Any:
    """Return nested lists of what strict JSON can carry."""
    values = array.tolist()
    if array.dtype.kind == "f":
        return _without_nan(values)
    return values


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return plain_number(float(value))  # a long double's tolist() gives itself back


def plain_number(value: float) -> float | str:
    """Return what strict JSON can carry of a number."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
