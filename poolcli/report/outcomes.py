"""What is said of inputs that have no result to show: planned, failed or skipped ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from poolcli.report.jsonl import json_line, text
from poolcli.report.words import report_line, safe

if TYPE_CHECKING:
    from poolcli.report.result import Result


def planned_line(result: Result) -> str:
    """Return the report line of a result that would be made, and written to ``written``."""
    line = report_line(result._replace(written=None))
    if result.written is None:
        return str(line)
    return str(line._replace(label=f"{line.label} -> {safe(result.written)}"))


def planned_json(result: Result) -> str:
    """Return the JSON object of a result that would be made: ``would_write`` for ``written``."""
    import json  # late, as everywhere here: most reports are for people

    target = result.written
    record = json.loads(json_line(result._replace(written=target or "")))
    del record["written"]
    return json.dumps({**record, "would_write": None if target is None else text(target)})


def failed_json(label: str, message: str) -> str:
    """Return the JSON object of an input that could not be pooled."""
    import json

    return json.dumps({"label": text(label), "error": safe(message)})


def skipped_json(label: str, paths: Sequence[str]) -> str:
    """Return the JSON object of an input whose outputs are there already."""
    import json

    return json.dumps({"label": text(label), "skipped": [text(path) for path in paths]})
