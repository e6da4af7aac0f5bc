"""What people and pipes see: a report line and numbers, tables and pictures, or JSON.

Rich is imported only here, and only once something is drawn on a terminal. What is said to people
on stderr is the command line's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from poolcli.outcomes import Result
from poolcli.report.describe import report_line
from poolcli.report.glyphs import encodable, safe
from poolcli.report.json_lines import (
    failed_json,
    json_line,
    plain_number,
    planned_json,
    planned_line,
    skipped_json,
    text,
)
from poolcli.report.progress import Bar, Meter

__all__ = [
    "Bar",
    "Meter",
    "failed_json",
    "json_line",
    "plain_number",
    "planned_json",
    "planned_line",
    "safe",
    "show",
    "skipped_json",
    "text",
]


def show(
    result: Result,
    *,
    stream: TextIO,
    terminal: bool,
    full: bool = False,
    preview: bool = True,
    line: bool = True,
    word: Callable[[str], str] = str,
) -> None:
    """Write the report of one result to ``stream``.

    ``terminal``: draw for a person (colours, a table that fits the window, a thumbnail); else
    plain text that ``numpy.loadtxt`` and poolcli read back: ``#`` comments, then every number.
    ``full``: on a terminal, show every number as well, however many.
    ``preview``: False writes the report line alone, for results that went to a file.
    ``line``: False leaves out the report line.
    ``word``: puts keywords that texts mark into words of who reads them.
    """
    if terminal:
        from poolcli.report.terminal import draw

        draw(result, stream, full=full, preview=preview, line=line, word=word)
        return
    if line:
        stream.write(encodable(f"# {report_line(result)}\n", stream))
    if preview:
        from poolcli.formats.text import format_plain

        array = result.array
        if array.ndim == 2 and array.size:
            # Alone, a matrix needs no shape; after another one, it would be read as more rows.
            stream.write(f"# shape: {array.shape[0]}x{array.shape[1]}\n")
        stream.writelines(f"{row}\n" for row in format_plain(array))
