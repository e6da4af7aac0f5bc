"""The table of a chain's stages: aligned text, a Rich table on a terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import IO, TYPE_CHECKING

from poolcli.report.glyphs import encodable, safe
from poolcli.report.numbers import pick

if TYPE_CHECKING:
    from rich.console import Console

    from poolcli.analysis.summary import Row

HEADINGS = ("stage", "output", "layout", "field", "jump", "dropped", "kept")
NETWORK = ("stage", "output", "field", "jump", "dropped", "weights", "mult-adds")
NOTHING = "-"
GAP = "  "
DOTS = ".."
AROUND, LEAST = 7, 3  # lines around the rows of a table; rows at least
RULE = "   "  # as wide as what Rich puts between columns


def show_table(rows: Sequence[Row], *, stream: IO[str], terminal: bool) -> None:
    """Write one row for each stage; without a terminal, columns stand two spaces apart or more.

    Of a network, that is where some stage has weights, they and the multiply-adds are counted, and
    a last row has their sums.
    """
    headings, cells = HEADINGS, [_cells(row) for row in rows]
    if any(row.weights for row in rows):
        headings, cells = NETWORK, [*(_network_cells(row) for row in rows), _total(rows)]
    if terminal:
        _draw(headings, cells, [bool(row.warnings) for row in rows] + [False], stream)
        return
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    for line in (headings, *cells):
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
            "weights": row.weights,
            "multiply_adds": row.multiply_adds,
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


def _network_cells(row: Row) -> tuple[str, ...]:
    stage, output, _, field, jump, dropped, _ = _cells(row)
    return stage, output, field, jump, dropped, *_costs(row.weights, row.multiply_adds)


def _total(rows: Sequence[Row]) -> tuple[str, ...]:
    weights, adds = sum(row.weights for row in rows), sum(row.multiply_adds for row in rows)
    return "total", *[NOTHING] * 4, *_costs(weights, adds)


def _costs(weights: int, multiply_adds: int) -> tuple[str, str]:
    return f"{weights:,}" if weights else NOTHING, magnitude(multiply_adds)


def magnitude(count: int) -> str:
    """A large count as people say it, to four digits.

    >>> magnitude(25_088_000), magnitude(512_000), magnitude(640), magnitude(0)
    ('25.09 M', '512 k', '640', '-')
    """
    if count < 1000:
        return str(count) if count else NOTHING
    power = min((len(f"{float(f'{count:.3e}'):.0f}") - 1) // 3, 5)
    return f"{count / 1000**power:.4g} {' kMGTP'[power]}"


def _draw(
    headings: Sequence[str],
    cells: Sequence[tuple[str, ...]],
    doubtful: Sequence[bool],
    stream: IO[str],
) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, force_terminal=True)
    all_headings, all_cells = headings, cells
    if _width(headings, cells) > console.width:  # a column with nothing in it can be missed
        columns = zip(headings, *cells, strict=True)
        told = [i for i, (_, *words) in enumerate(columns) if set(words) != {NOTHING}]
        headings = [headings[i] for i in told]
        cells = [tuple(line[i] for i in told) for line in cells]
    if _width(headings, cells) > console.width:
        _draw_stacked(all_headings, all_cells, doubtful, console)
        return
    shown = pick(len(cells), max(LEAST, console.height - AROUND))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for row in shown:
        line = [DOTS] * len(headings) if row is None else cells[row]
        words = (Text(encodable(word, stream)) for word in line)
        table.add_row(*words, style="yellow" if row is not None and doubtful[row] else None)
    console.print(table)
    if None in shown:
        note = f"{GAP}{len(shown) - 1} of {len(cells)} rows shown; all of them in a pipe"
        console.print(Text(note, "dim"))


def _width(headings: Sequence[str], cells: Sequence[tuple[str, ...]]) -> int:
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    return sum(widths) + len(RULE) * len(widths)


def _draw_stacked(
    headings: Sequence[str],
    cells: Sequence[tuple[str, ...]],
    doubtful: Sequence[bool],
    console: Console,
) -> None:
    """Draw what is too wide for a table: each stage, and what is told of it on lines below."""
    from rich.text import Text

    first = max(map(len, headings))
    for (stage, *facts), doubt in zip(cells, doubtful, strict=False):
        style = "yellow" if doubt else ""
        console.print(Text(encodable(stage, console.file), f"bold {style}"))
        for heading, word in zip(headings[1:], facts, strict=True):
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
