"""One window under several frameworks' rules: text that reads back, Rich on a terminal, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from poolcli.report.glyphs import encodable, safe
from poolcli.report.json_lines import plain_values
from poolcli.report.numbers import cell_format, count_planes, pick

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from poolcli.analysis.conform import Comparison

MOST_ROWS, LEAST_ROWS, MOST_COLUMNS = 12, 3, 10
AROUND = 4  # lines: the command, the input, what a star means, the prompt
FRAME = 4  # what a panel takes beside its lines


def show_comparison(
    label: str, comparisons: Sequence[Comparison], *, stream: IO[str], terminal: bool
) -> None:
    """Write what each framework makes of one input.

    Without a terminal the values read back as plain arrays: all else stands in ``#`` comments, and
    so do the columns in which a row differs from most frameworks.
    """
    if terminal:
        _draw(label, comparisons, stream)
        return
    for comparison in comparisons:
        stream.write(encodable(f"# {safe(label)}  {_summary(comparison)}\n", stream))
        for sentence in comparison.why:
            stream.write(encodable(f"# - {safe(sentence)}\n", stream))
        stream.writelines(f"{line}\n" for line in _plain(comparison))


def comparison_lines(label: str, comparisons: Sequence[Comparison]) -> Iterator[str]:
    """Give one JSON object for each framework; ``refused`` or ``values`` and ``differs`` is null.

    NaN and infinities are written as in the report of a pooling.
    """
    for comparison in comparisons:
        values, differs = comparison.values, comparison.differs
        record = {
            "label": safe(label),
            "framework": comparison.framework,
            "input": {"shape": list(comparison.input_shape), "layout": comparison.layout},
            "output": None if values is None else {"shape": list(values.shape)},
            "refused": comparison.refused,
            "why": list(comparison.why),
            "values": None if values is None else plain_values(values),
            "differs": None if differs is None else differs.tolist(),
        }
        yield json.dumps(record, allow_nan=False)


def _summary(comparison: Comparison) -> str:
    before = f"{comparison.framework}: {_shape(comparison.input_shape)} {comparison.layout}"
    if comparison.values is None:
        return f"{before} refused: {comparison.refused}"
    marked = 0 if comparison.differs is None else int(comparison.differs.sum())
    differs = f"  ({marked} of {comparison.values.size} cells differ)" if marked else ""
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


def _draw(label: str, comparisons: Sequence[Comparison], stream: IO[str]) -> None:
    from rich.columns import Columns
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True)
    console.print(Text(encodable(safe(label), stream), "bold"))
    why = sum(len(comparison.why) for comparison in comparisons)
    for most in range(MOST_ROWS, LEAST_ROWS - 1, -1):
        panels = Columns([_panel(comparison, console.width, most) for comparison in comparisons])
        if len(console.render_lines(panels)) <= console.height - AROUND - why:
            break
    console.print(panels)
    if any(
        comparison.differs is not None and comparison.differs.any() for comparison in comparisons
    ):
        console.print(Text("* most frameworks have another value here", "yellow"))
    for comparison in comparisons:
        for sentence in comparison.why:
            name = Text(f"{comparison.framework}: ", "bold")
            console.print(name.append(encodable(safe(sentence), stream), "not bold"))


def _panel(comparison: Comparison, width: int, rows: int) -> RenderableType:
    """What one framework makes of the input, in a frame."""
    from rich.panel import Panel
    from rich.text import Text

    body = Text()
    for line in _page(comparison, width - FRAME, rows):
        body.append_text(line).append("\n")
    body.rstrip()
    title = Text(f"{comparison.framework} {_shape(comparison.input_shape)} {comparison.layout}")
    return Panel(body, title=title, expand=False)


def _page(comparison: Comparison, room: int, rows: int) -> Iterator[Any]:
    """The lines of a panel: the first plane of the values, those that differ in colour.

    ``room`` is the width that there is for them, and ``rows`` how many there may be.
    """
    from rich.text import Text

    values, differs = comparison.values, comparison.differs
    if values is None or differs is None:
        yield Text("refused", "red")
        yield Text(safe(str(comparison.refused)))
        return
    total = count_planes(comparison.layout, values.shape)
    which = f"  plane 1 of {total}" if total > 1 else ""
    yield Text(f"{_shape(values.shape)}{which}", "dim")
    plane, marks = _first_plane(values, comparison.layout), _first_plane(differs, comparison.layout)
    show = cell_format(plane)
    width = max(len(show(value)) for value in plane.flat) + 1
    columns = pick(plane.shape[1], max(3, min(MOST_COLUMNS, room // (width + 1))))
    for row in pick(plane.shape[0], rows):
        line = Text()
        for column in columns:
            if row is None or column is None:
                line.append("..".rjust(width + 1))
            else:
                mark = bool(marks[row, column])
                word = show(plane[row, column]) + ("*" if mark else " ")
                line.append(word.rjust(width + 1), "bold yellow" if mark else "")
        yield line


def _first_plane(values: NDArray[Any], layout: str) -> NDArray[Any]:
    """The first rows and columns that there are, in the first of the batch and the channels."""
    place = tuple(slice(None) if letter in "HW" else 0 for letter in layout)
    return np.atleast_2d(values[place])
