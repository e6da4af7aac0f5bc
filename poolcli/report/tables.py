"""The table of a chain's stages: aligned text, a Rich table on a terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import IO, TYPE_CHECKING

from poolcli.report.glyphs import encodable, safe

if TYPE_CHECKING:
    from rich.console import Console

    from poolcli.analysis.summary import Row

HEADINGS = ("stage", "output", "layout", "field", "jump", "dropped", "kept")
NOTHING = "-"
GAP = "  "
RULE = "   "  # as wide as what Rich puts between columns


def show_table(rows: Sequence[Row], *, stream: IO[str], terminal: bool) -> None:
    """Write one row for each stage; without a terminal, columns stand two spaces apart or more."""
    cells = [_cells(row) for row in rows]
    if terminal:
        _draw(cells, [bool(row.warnings) for row in rows], stream)
        return
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    for line in (HEADINGS, *cells):
        words = (word.ljust(width) for word, width in zip(line, widths, strict=True))
        stream.write(encodable(GAP.join(words).rstrip() + "\n", stream))


def table_lines(rows: Iterable[Row]) -> Iterable[str]:
    """Give one JSON object for each stage.

    ``field`` and ``jump`` stand per spatial axis of the input; a jump is null where one value is
    left. ``kept`` is the share of the input's values that comes out.
    """
    for row in rows:
        record = {
            "stage": row.stage,
            "shape": list(row.shape),
            "layout": row.layout,
            "field": list(row.field),
            "jump": [None if step is None else _as_json(step) for step in row.jump],
            "dropped": dict(row.dropped),
            "kept": float(row.kept),
            "warnings": list(row.warnings),
        }
        yield json.dumps(record, allow_nan=False)


def _cells(row: Row) -> tuple[str, ...]:
    dropped = " ".join(f"{axis}:{count}" for axis, count in row.dropped.items())
    return (
        safe(row.stage),
        _times(row.shape) or "scalar",
        row.layout or NOTHING,
        _times(row.field),
        _times(NOTHING if step is None else _as_text(step) for step in row.jump),
        dropped or NOTHING,
        _percent(row.kept),
    )


def _draw(cells: Sequence[tuple[str, ...]], doubtful: Sequence[bool], stream: IO[str]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, force_terminal=True)
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    if sum(widths) + len(RULE) * len(widths) > console.width:
        _draw_stacked(cells, doubtful, console)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for line, doubt in zip(cells, doubtful, strict=True):
        words = (Text(encodable(word, stream)) for word in line)
        table.add_row(*words, style="yellow" if doubt else None)
    console.print(table)


def _draw_stacked(
    cells: Sequence[tuple[str, ...]], doubtful: Sequence[bool], console: Console
) -> None:
    """Draw what is too wide for a table: each stage, and what is told of it on lines below."""
    from rich.text import Text

    first = max(map(len, HEADINGS))
    for (stage, *facts), doubt in zip(cells, doubtful, strict=True):
        style = "yellow" if doubt else ""
        console.print(Text(encodable(stage, console.file), f"bold {style}"))
        for heading, word in zip(HEADINGS[1:], facts, strict=True):
            if word != NOTHING:
                console.print(Text(f"{GAP}{heading.ljust(first)}{GAP}{word}", style))


def _times(values: Iterable[object]) -> str:
    words = [str(value) for value in values]
    return NOTHING if set(words) == {NOTHING} else "x".join(words)


def _as_text(step: Fraction) -> str:
    return str(step.numerator) if step.denominator == 1 else f"{float(step):.3g}"


def _as_json(step: Fraction) -> int | float:
    return step.numerator if step.denominator == 1 else float(step)


def _percent(share: Fraction) -> str:
    return f"{float(share * 100):.3g}%"
