"""One strict JSON object per input."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from poolcli.report.describe import report_line
from poolcli.report.glyphs import safe

if TYPE_CHECKING:
    from poolcli.operation import OperationPlan
    from poolcli.outcomes import Result


def json_line(result: Result, *, values: bool = True, word: Callable[[str], str] = str) -> str:
    r"""Return one line of strict, ASCII-only JSON that describes ``result``.

    ``values`` (nested lists, in the output's own axis order) is there unless the output was
    written to a file, or values are not wanted. Window numbers stand per spatial axis, padding as
    [before, after] pairs, so that ``same`` tells what it came to. ``word`` puts warnings into words
    of who reads them.

    JSON has no NaN and no infinities: they become the strings ``"NaN"``, ``"Infinity"`` and
    ``"-Infinity"``, which ``float()`` and ``numpy.array(..., float)`` read back. Bytes of a name
    that are no text appear escaped, ``\xff``.
    """
    import json

    plan = result.plan
    record: dict[str, Any] = {
        "label": text(result.label),
        **plan.as_json(),
        "input": json_array(plan.input_shape, plan.input_dtype, plan.layout),
        "output": json_array(*_of_output(plan)),
        "dropped": dict(plan.dropped),
        "warnings": [text(word(warning)) for warning in result.warnings],
        "written": None if result.written is None else text(result.written),
    }
    if result.indices is not None:
        record["indices"] = {"convention": plan.index_convention, "written": text(result.indices)}
    if result.share is not None:
        record["share"] = {"written": text(result.share)}
    if values and result.written is None:
        record["values"] = plain_values(result.array)
    return json.dumps(record, allow_nan=False)


def text(name: str) -> str:
    """Keep what JSON can carry; lone surrogates are legal JSON that many parsers refuse."""
    return "".join(safe(c) if "\ud800" <= c <= "\udfff" else c for c in name)


def json_array(shape: tuple[int, ...], dtype: Any, layout: str) -> dict[str, Any]:
    """Return what is said of an array that is not written out."""
    return {"shape": list(shape), "dtype": dtype.name, "layout": layout}


def _of_output(plan: OperationPlan) -> tuple[tuple[int, ...], Any, str]:
    return plan.output_shape, plan.output_dtype, plan.output_layout


def plain_values(array: Any) -> Any:
    """Return nested lists of what strict JSON can carry."""
    values = array.tolist()
    if array.dtype.kind == "f":
        return _without_nan(values)
    return values


def json_number(value: float | None) -> float | str | None:
    """Return one number as strict JSON can carry it; None where there is none.

    >>> json_number(float("inf")), json_number(0.5)
    ('Infinity', 0.5)
    """
    number: float | str | None = None if value is None else _without_nan(value)
    return number


def _without_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return plain_number(float(value))  # a long double's tolist() gives itself back


def plain_number(value: float) -> float | str:
    """Return what strict JSON can carry of a number."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def planned_line(result: Result) -> str:
    """Return the report line of a result that would be made, and written to ``written``."""
    line = report_line(result._replace(written=None))
    if result.written is None:
        return str(line)
    return str(line._replace(label=f"{line.label} -> {safe(result.written)}"))


def planned_json(result: Result, *, word: Callable[[str], str] = str) -> str:
    """Return the JSON object of a result that would be made: ``would_write`` for ``written``."""
    import json  # late, as everywhere here: most reports are for people

    target = result.written
    record = json.loads(json_line(result._replace(written=target or ""), word=word))
    del record["written"]
    return json.dumps({**record, "would_write": None if target is None else text(target)})


def failed_json(label: str, message: str, code: str) -> str:
    """Return the JSON object of an input that could not be pooled; ``code``: one of ``CODES``."""
    import json

    return json.dumps({"label": text(label), "error": safe(message), "code": code})


def skipped_json(label: str, paths: Sequence[str]) -> str:
    """Return the JSON object of an input whose outputs are there already."""
    import json

    return json.dumps({"label": text(label), "skipped": [text(path) for path in paths]})
