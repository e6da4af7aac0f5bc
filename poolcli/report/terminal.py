"""A result drawn on a terminal with Rich.

Everything is printed as Text: a plain string would be read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from poolcli.outcomes import Result
from poolcli.report.describe import report_line
from poolcli.report.drawn import show_heat_map, show_picture
from poolcli.report.glyphs import ASCII, UNICODE, Glyphs, encodable
from poolcli.report.numbers import cell_format, count_planes, pick, planes

AROUND = 5  # lines around the rows of a table: the report, brackets, what is not shown, the prompt
AROUND_PICTURE = 3  # besides the report: the command, what stands by the picture, the prompt
LEAST_ROWS = 5
PLANE_ROWS = 8  # of one plane, where there are several
SMALL = 8  # up to this many pixels a side, numbers tell more than colours
FEW = 1000  # up to this many cells of an input can be shown beside its result
GAP = "  "


def draw(
    result: Result,
    stream: IO[str],
    *,
    full: bool,
    preview: bool,
    line: bool,
    word: Callable[[str], str],
) -> None:
    """Draw the report ``line`` and, with ``preview``, the matrix or the picture under it.

    ``word`` puts keywords that texts mark into words of who reads them.
    """
    console = Console(file=stream, force_terminal=True)
    glyphs = UNICODE if "utf" in console.encoding.lower() else ASCII
    left = console.height - AROUND_PICTURE
    if line:
        left -= _draw_line(result, console, glyphs)
    if not preview:
        return
    array, layout = result.array, result.plan.output_layout
    if array.size == 0:
        console.print(Text(f"{GAP}no values: an axis has length 0", "dim"))
    elif full:
        _draw_all(array, layout, console, glyphs)
    elif result.kind == "image" and "H" in layout and max(_size(array, layout)) > SMALL:
        show_picture(result, console, glyphs, left)
    elif _draw_beside(result, stream, console) or _draw_heat_map(result, console, glyphs, left):
        pass
    else:
        _draw_page(array, layout, console, glyphs, word)


def _size(array: NDArray[Any], layout: str) -> tuple[int, int]:
    """Return the rows and columns of an array that came from a picture; 1 where an axis is gone."""
    sizes = dict(zip(layout, array.shape, strict=True))
    return sizes.get("H", 1), sizes.get("W", 1)


def _draw_heat_map(result: Result, console: Console, glyphs: Glyphs, lines: int) -> bool:
    """Draw what is no picture as one, where its numbers do not fit."""
    if result.source is None:
        return False
    layout = result.plan.output_layout
    most = max(LEAST_ROWS, console.height - AROUND)
    most = most if count_planes(layout, result.array.shape) == 1 else min(PLANE_ROWS, most - 1)
    caption, plane = next(planes(result.array, layout))
    _, cut = _block(caption, plane, most, console.width, glyphs)
    return bool(cut) and show_heat_map(result, console, glyphs, lines)


def _draw_line(result: Result, console: Console, glyphs: Glyphs) -> int:
    """Draw the report line, where it is too long broken between its parts; give its lines."""
    lines = [Text()]
    styles = ("bold", "", "cyan", "yellow")
    for words, style in zip(report_line(result, glyphs), styles, strict=True):
        part = Text(encodable(words, console.file), style)
        if not part:
            continue
        if lines[-1] and lines[-1].cell_len + len(GAP) + part.cell_len > console.width:
            lines.append(Text())
        lines[-1] += Text(GAP if lines[-1] or len(lines) > 1 else "") + part
    for line in lines:
        console.print(line)
    return len(lines)


def _draw_beside(result: Result, stream: IO[str], console: Console) -> bool:
    """Draw the matrix before and after, its windows in colours; nothing where that does not fit."""
    if result.source is None or result.kind == "image":
        return False
    if math.prod(result.plan.input_shape) > FEW:
        return False
    from poolcli.analysis.explain import can_explain, explain

    asked = getattr(result.plan, "request", None)
    if not can_explain(asked):
        return False
    from poolcli.report.canvas import Screen
    from poolcli.report.explain import matrices

    explanations = explain(asked, result.source, result.plan.layout)
    block = matrices(explanations, Screen(stream, terminal=True), height=console.height - AROUND)
    if block is None:
        return False
    Screen(stream, terminal=True).show(block)
    return True


def _draw_all(array: NDArray[Any], layout: str, console: Console, glyphs: Glyphs) -> None:
    """Draw every number, one plane under the other; lines may be wider than the terminal."""
    for caption, plane in planes(array, layout):
        show = cell_format(plane)
        width = max(len(show(value)) for row in plane for value in row)
        rows = (GAP.join(show(value).rjust(width) for value in row) for row in plane)
        inside = plane.shape[1] * (width + len(GAP)) - len(GAP)
        for line in _bracketed(caption, rows, inside, glyphs):
            console.print(line, soft_wrap=True)


def _draw_page(
    array: NDArray[Any], layout: str, console: Console, glyphs: Glyphs, word: Callable[[str], str]
) -> None:
    """Draw as many planes as a page holds, side by side where they are narrow."""
    total = count_planes(layout, array.shape)
    page_rows = max(LEAST_ROWS, console.height - AROUND)
    most_rows = page_rows if total == 1 else min(PLANE_ROWS, page_rows - 1)
    shown, rows_left = 0, page_rows
    strip: list[Text] = []
    partly: list[str] = []
    for caption, plane in planes(array, layout):
        block, cut = _block(caption, plane, most_rows, console.width, glyphs)
        if strip and _width([*strip, block]) > console.width:
            rows_left -= _print_side_by_side(strip, console)
            strip = []
            if rows_left < _height(block):
                break
        strip.append(block)
        shown += 1
        partly = cut
    if strip:
        _print_side_by_side(strip, console)
    if shown < total:
        partly.insert(0, f"{shown} of {total} planes")
    if partly:
        console.print(Text(f"{GAP}{', '.join(partly)} shown; {word('`full` shows all')}", "dim"))


def _block(
    caption: str, plane: NDArray[Any], most_rows: int, width: int, glyphs: Glyphs
) -> tuple[Text, list[str]]:
    """Return one plane as lines that fit ``width``, and which part of it they show."""
    room = width - 4  # without brackets; the margin makes up for the gap after the last column
    rows = pick(plane.shape[0], most_rows)
    # A column takes at least one digit and a gap: no more of them than this can fit.
    columns = pick(plane.shape[1], max(2, room // (1 + len(GAP))))
    corner = plane[np.ix_(*([i for i in some if i is not None] for some in (rows, columns)))]
    show = cell_format(corner)
    cell = max(len(glyphs.dots), *(len(show(value)) for value in corner.flat))
    if plane.shape[1] > room // (cell + len(GAP)):
        narrow = len(glyphs.dots) + len(GAP)
        columns = pick(plane.shape[1], max(2, (room - narrow) // (cell + len(GAP)) + 1))

    def line(row: int | None) -> str:
        return GAP.join(
            glyphs.dots
            if column is None
            else (glyphs.dots if row is None else show(plane[row, column])).rjust(cell)
            for column in columns
        )

    lines = _bracketed(caption, map(line, rows), len(line(0)), glyphs)
    cut = [
        f"{len(some) - 1} of {count} {what}"
        for some, count, what in zip((rows, columns), plane.shape, ("rows", "columns"), strict=True)
        if None in some
    ]
    return Text("\n").join(lines), cut


def _bracketed(caption: str, rows: Iterable[str], inside: int, glyphs: Glyphs) -> Iterator[Text]:
    """Yield ``rows`` between the tall brackets of a matrix, the caption above them."""
    if caption:
        yield Text(f"{GAP}{caption}", "italic")
    yield Text(GAP + (" " * (inside + 2)).join(glyphs.top), "dim")
    for row in rows:
        yield Text.assemble(GAP, (glyphs.side, "dim"), f" {row} ", (glyphs.side, "dim"))
    yield Text(GAP + (" " * (inside + 2)).join(glyphs.bottom), "dim")


def _width(blocks: list[Text]) -> int:
    return sum(max(line.cell_len for line in block.split("\n")) for block in blocks)


def _height(block: Text) -> int:
    return block.plain.count("\n") + 1


def _print_side_by_side(blocks: list[Text], console: Console) -> int:
    if len(blocks) == 1:  # may be wider than a narrow terminal: wrapped, never cropped
        console.print(blocks[0], soft_wrap=True)
    else:
        grid = Table.grid()
        grid.add_row(*blocks)
        console.print(grid)
    return max(map(_height, blocks))
