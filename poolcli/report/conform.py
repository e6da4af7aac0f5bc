"""One window under several frameworks' rules: text that reads back, Rich on a terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from poolcli.analysis.conform import alike, cells_apart, is_comparable, verdict
from poolcli.report.glyphs import encodable, safe
from poolcli.report.json_lines import plain_values
from poolcli.report.numbers import cell_format, count_planes, pick_around

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from poolcli.analysis.conform import Comparison

AXES = {"N": "item", "C": "channel", "D": "slice", "H": "row", "W": "column"}
MOST_ROWS, LEAST_ROWS, MOST_COLUMNS = 12, 3, 10
AROUND = 5  # lines: the command, the input, the verdict, what a star means, the prompt
FRAME = 4  # what a panel takes beside its lines
MOST_LINES, MOST_CELLS = 100, 20  # of values that are written whole; of cells that differ


def show_comparison(
    label: str,
    comparisons: Sequence[Comparison],
    *,
    stream: IO[str],
    terminal: bool,
    values: bool = True,
    reasons: bool = True,
) -> None:
    """Write whether frameworks agree on one input, and then what each makes of it.

    Without a terminal the values of small results read back as plain arrays: all else stands in
    ``#`` comments, and so do the columns in which a row differs from most frameworks. Of large ones
    there are only the cells that differ.

    ``values``: False leaves numbers out; ``reasons``: False leaves nothing but the verdict.
    """
    if terminal:
        _draw(label, comparisons, stream, values=values and reasons, reasons=reasons)
        return
    stream.write(encodable(f"# {safe(label)}  {safe(verdict(comparisons))}\n", stream))
    if not reasons:
        return
    large = sum(map(_lines, comparisons)) > MOST_LINES
    for comparison in comparisons:
        stream.write(encodable(f"# {safe(label)}  {_summary(comparison)}\n", stream))
        for sentence in comparison.why:
            stream.write(encodable(f"# - {safe(sentence)}\n", stream))
        if values and not large:
            stream.writelines(f"{line}\n" for line in _plain(comparison))
    if values and large:
        stream.writelines(f"# {line}\n" for line in _differing(comparisons))


def comparison_lines(
    label: str, comparisons: Sequence[Comparison], *, values: bool = True
) -> Iterator[str]:
    """Give one JSON object for each framework; ``refused`` or ``values`` and ``differs`` is null.

    NaN and infinities are written as in the report of a pooling. Not ``values``: without them.
    """
    groups = alike(comparisons)
    for comparison in comparisons:
        result, differs = comparison.values, comparison.differs
        same = next((group for group in groups if any(one is comparison for one in group)), [])
        record = {
            "label": safe(label),
            "framework": comparison.framework,
            "input": {"shape": list(comparison.input_shape), "layout": comparison.layout},
            "output": None if result is None else {"shape": list(result.shape)},
            "refused": comparison.refused,
            "why": list(comparison.why),
            "agrees": [one.framework for one in same if one is not comparison],
        }
        if values:
            record["values"] = None if result is None else plain_values(result)
            record["differs"] = None if differs is None else differs.tolist()
        yield json.dumps(record, allow_nan=False)


def _lines(comparison: Comparison) -> int:
    """How many lines of numbers a result is."""
    values = comparison.values
    return 0 if values is None else values.size // (values.shape[-1] if values.ndim else 1)


def _differing(comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Give a line for each of the first cells in which results of one shape differ."""
    groups = alike(comparisons)
    while groups:
        first, *rest = groups
        others = [group for group in rest if is_comparable(first[0], group[0])]
        groups = [group for group in rest if not is_comparable(first[0], group[0])]
        if not others:
            continue
        apart = np.concatenate([cells_apart(first[0], other[0]) for other in others])
        cells = np.unique(apart, axis=0)
        for cell in cells[:MOST_CELLS].tolist():
            shown = [
                f"{one.framework} {np.asarray(one.values)[tuple(cell)]!s}"
                for group in (first, *others)
                for one in group
            ]
            yield f"differs at {_place(cell, first[0].layout)}: {', '.join(shown)}"
        if len(cells) > MOST_CELLS:
            planes = len(np.unique(cells[:, _outer(first[0].layout)], axis=0))
            which = f", in {planes:,} planes" if planes > 1 else ""
            yield f"and {len(cells) - MOST_CELLS:,} more cells{which}"


def _outer(layout: str) -> list[int]:
    """The axes that count planes."""
    return [axis for axis, letter in enumerate(layout) if letter not in "HW"]


def _place(cell: Sequence[int], layout: str) -> str:
    return ", ".join(f"{AXES[letter]} {at}" for letter, at in zip(layout, cell, strict=True))


def _summary(comparison: Comparison) -> str:
    before = f"{comparison.framework}: {_shape(comparison.input_shape)} {comparison.layout}"
    if comparison.values is None:
        return f"{before} refused: {comparison.refused}"
    marked = 0 if comparison.differs is None else int(comparison.differs.sum())
    differs = f"  ({marked:,} of {comparison.values.size:,} cells differ)" if marked else ""
    return f"{before} -> {_shape(comparison.values.shape)}{differs}"


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _plain(comparison: Comparison) -> Iterator[str]:
    from poolcli.formats.text import format_plain

    values, differs = comparison.values, comparison.differs
    if values is None or differs is None:
        return
    if values.ndim == 2:
        # Alone, a matrix needs no shape; after another one, it would be read as more rows.
        yield f"# shape: {_shape(values.shape)}"
    marks = iter(np.atleast_2d(differs).reshape(-1, values.shape[-1] if values.ndim else 1))
    for line in format_plain(values):
        if line.startswith("#"):
            yield line
            continue
        columns = [str(column) for column in np.flatnonzero(next(marks)).tolist()]
        yield f"{line}  # differs in column {', '.join(columns)}" if columns else line


def _draw(
    label: str,
    comparisons: Sequence[Comparison],
    stream: IO[str],
    *,
    values: bool,
    reasons: bool,
) -> None:
    from rich.columns import Columns
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True)
    console.print(Text(encodable(safe(label), stream), "bold"))
    groups = alike(comparisons)
    agreed = len(groups) == 1 and len(groups[0]) == len(comparisons)
    said = encodable(safe(verdict(comparisons)), stream)
    console.print(Text(said, "green" if agreed else "yellow"))
    shown = groups + [[one] for one in comparisons if one.values is None]
    why = [(one, sentence) for one in comparisons for sentence in one.why] if reasons else []
    for most in range(MOST_ROWS, LEAST_ROWS - 1, -1) if values else ():
        panels = Columns([_panel(group, groups, console.width, most) for group in shown])
        if len(console.render_lines(panels)) <= console.height - AROUND - len(why):
            break
    if values:
        console.print(panels)
        if any(one.differs is not None and one.differs.any() for one in comparisons):
            console.print(Text("* most frameworks have another value here", "yellow"))
    for one, sentence in why:
        name = Text(f"{one.framework}: ", "bold")
        console.print(name.append(encodable(safe(sentence), stream), "not bold"))


def _panel(
    group: Sequence[Comparison], groups: Sequence[Sequence[Comparison]], width: int, rows: int
) -> RenderableType:
    """What frameworks make of the input that agree on it, in a frame."""
    from rich.panel import Panel
    from rich.text import Text

    one = group[0]
    others = [other[0] for other in groups if is_comparable(one, other[0])]
    cells = [cells_apart(one, other) for other in others]
    body = Text()
    for line in _page(one, _first(cells), width - FRAME, rows):
        body.append_text(line).append("\n")
    body.rstrip()
    names = " = ".join(comparison.framework for comparison in group)
    title = Text(f"{names} {_shape(one.input_shape)} {one.layout}")
    return Panel(body, title=title, expand=False)


def _first(cells: Sequence[NDArray[np.intp]]) -> tuple[int, ...] | None:
    """The first of the cells that differ; None where none does."""
    found = [tuple(apart[0].tolist()) for apart in cells if len(apart)]
    return min(found, default=None)


def _page(
    comparison: Comparison, at: tuple[int, ...] | None, room: int, rows: int
) -> Iterator[Any]:
    """The lines of a panel: a plane of the values around ``at``, those that differ in colour.

    ``room`` is the width that there is for them, and ``rows`` how many there may be.
    """
    from rich.text import Text

    values, differs = comparison.values, comparison.differs
    if values is None or differs is None:
        yield Text("refused", "red")
        yield Text(safe(str(comparison.refused)))
        return
    layout, at = comparison.layout, at or (0,) * values.ndim
    total = count_planes(layout, values.shape)
    which = f"  plane {_number(at, values.shape, layout)} of {total}" if total > 1 else ""
    yield Text(f"{_shape(values.shape)}{which}", "dim")
    plane, marks = _plane(values, layout, at), _plane(differs, layout, at)
    row_at, column_at = _plane_position(layout, at)
    show = cell_format(plane)
    width = max(len(show(value)) for value in plane.flat) + 1
    most = max(3, min(MOST_COLUMNS, room // (width + 1)))
    columns = pick_around(plane.shape[1], most, column_at)
    shown = pick_around(plane.shape[0], rows, row_at)
    if shown[0] is None or columns[0] is None:
        yield Text(f"around row {row_at}, column {column_at}", "dim")
    for row in shown:
        line = Text()
        for column in columns:
            if row is None or column is None:
                line.append("..".rjust(width + 1))
            else:
                mark = bool(marks[row, column])
                word = show(plane[row, column]) + ("*" if mark else " ")
                line.append(word.rjust(width + 1), "bold yellow" if mark else "")
        yield line


def _number(at: tuple[int, ...], shape: tuple[int, ...], layout: str) -> int:
    """Count planes from 1."""
    outer = _outer(layout)
    return int(np.ravel_multi_index([at[i] for i in outer], [shape[i] for i in outer])) + 1


def _plane_position(layout: str, at: tuple[int, ...]) -> tuple[int, int]:
    """The row and column of a place; a result without rows is one."""
    found = [at[layout.index(letter)] for letter in "HW" if letter in layout]
    return (0, 0) if not found else (0, found[0]) if len(found) == 1 else (found[0], found[1])


def _plane(values: NDArray[Any], layout: str, at: tuple[int, ...]) -> NDArray[Any]:
    """The rows and columns that there are, in the plane of a place."""
    pairs = zip(layout, at, strict=True)
    return np.atleast_2d(values[tuple(slice(None) if axis in "HW" else i for axis, i in pairs)])
