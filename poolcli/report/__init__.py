"""What people and pipes see: a report line and numbers, tables and pictures, or JSON.

stdout gets results only; :func:`hint`, :func:`warning` and :func:`error` write to stderr. Rich
is imported only here, and only once something is drawn on a terminal.
"""

from __future__ import annotations

from typing import TextIO

from poolcli.report.jsonl import json_line, plain_number, text
from poolcli.report.outcomes import failed_json, planned_json, planned_line, skipped_json
from poolcli.report.progress import Bar, Meter
from poolcli.report.result import Result
from poolcli.report.words import encodable, error, hint, note, report_line, safe, warning

__all__ = [
    "Bar",
    "Meter",
    "Result",
    "error",
    "failed_json",
    "hint",
    "json_line",
    "note",
    "plain_number",
    "planned_json",
    "planned_line",
    "safe",
    "show",
    "skipped_json",
    "text",
    "warning",
]


def show(
    result: Result,
    *,
    stream: TextIO,
    terminal: bool,
    full: bool = False,
    preview: bool = True,
    line: bool = True,
) -> None:
    """Write the report of one result to ``stream``.

    ``terminal``: draw for a person (colours, a table that fits the window, a thumbnail); else
    plain text that ``numpy.loadtxt`` and poolcli read back: ``#`` comments, then every number.
    ``full``: on a terminal, show every number as well, however many.
    ``preview``: False writes the report line alone, for results that went to a file.
    ``line``: False leaves out the report line.
    """
    if terminal:
        from poolcli.report.terminal import draw

        draw(result, stream, full=full, preview=preview, line=line)
        return
    if line:
        stream.write(encodable(f"# {report_line(result)}\n", stream))
    if preview:
        from poolcli.files.text import format_plain

        array = result.array
        if array.ndim == 2 and array.size:
            # Alone, a matrix needs no shape; after another one, it would be read as more rows.
            stream.write(f"# shape: {array.shape[0]}x{array.shape[1]}\n")
        stream.writelines(f"{row}\n" for row in format_plain(array))
