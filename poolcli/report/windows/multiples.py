"""Small multiples: the cells again for each window, placed as in the output."""

from __future__ import annotations

from collections.abc import Callable

from poolcli.analysis.steps import Position
from poolcli.report.canvas import Block, Line, Span, beside, joined, text_line
from poolcli.report.windows.cells import ARROW, SLICE_GAP, Picture, WindowCells
from poolcli.report.windows.grid import EVERY, FEW, LIMITS, WORTH_TWO, Box, Group, grid, together

MOST_MULTIPLES, MULTIPLE_GAP = 4, 5


def multiples(cells: WindowCells) -> Picture:
    """Return the cells again for each window, placed as in the output."""
    (tall, rows), (wide, columns), slices = _fit_multiples(cells)
    deep = cells.volume.shape[0] if cells.height >= EVERY else 1
    shown = cells.volume.corner((deep, tall, wide))
    lines = []
    for depth in range(shown.first[0], shown.stop[0]):
        for row in range(shown.first[1], shown.stop[1]):
            ats = [(depth, row, j) for j in range(shown.first[2], shown.stop[2])]
            pictures = [_multiple(cells, at, rows, columns, slices) for at in ats]
            lines.append(beside(pictures, MULTIPLE_GAP, centred=False))
    if 1 < shown.size == cells.volume.size and cells.lacks:
        lines.append([text_line("output", "faint"), *cells.output(shown)])
    return Picture(joined(lines), Box(*map(cells.own, shown)))


def _multiple(
    cells: WindowCells, at: Position, rows: list[Group], columns: list[Group], slices: int
) -> Block:
    parts = [
        cells.captioned(d, grid(rows, columns, cells.one_look(d, at), signs=cells.signs))
        for d in cells.slices(at[0], slices)
    ]
    return [*beside(parts, SLICE_GAP), [], _gives(cells, cells.own(at))]


def _gives(cells: WindowCells, at: Position) -> Line:
    """Return an arrow and the result of a window."""
    cell = cells.result(at)
    line = [Span(f"{ARROW} "), Span(f" {cell.text} ", cell.role, cell.hue)]
    return [*line, Span(f"  {cell.under}", "faint")] if cell.under else line


def _fit_multiples(
    cells: WindowCells,
) -> tuple[tuple[int, list[Group]], tuple[int, list[Group]], int]:
    """Choose how many windows are below and beside each other, which cells, how many slices."""
    _, below, across = cells.volume.shape
    if cells.height < EVERY:
        below, across = (
            min(below, 2 if across > 1 else MOST_MULTIPLES),
            min(across, 2 if below > 1 else MOST_MULTIPLES),
        )

    def high(count: int, rows: int) -> int:
        return count * (rows * cells.tall + 3 + (cells.lacks == 0)) - 1

    for slices in (FEW, 1):

        def wide(count: int, shown: int, slices: int = slices) -> int:
            volume = min(slices, cells.axes[0].largest) * (shown * cells.cell_width + SLICE_GAP)
            one = max(volume - SLICE_GAP, 2 + cells.result_width)
            return count * (one + MULTIPLE_GAP) - MULTIPLE_GAP

        columns = _views(cells, 2, across, wide, cells.width)
        if wide(columns[0], sum(map(len, columns[1]))) <= cells.width:
            break
    return _views(cells, 1, below, high, cells.height), columns, slices


def _views(
    cells: WindowCells, axis: int, count: int, measure: Callable[[int, int], int], room: int
) -> tuple[int, list[Group]]:
    """Choose the most windows that fit, the whole axis around them or what they reach."""
    w, first = cells.axes[axis], cells.volume.first[axis]
    low, high = min(0, w.starts[0]), max(w.n, w.end(w.out - 1))
    for n in range(min(count, room), 0, -1):
        own = w.starts[first], w.end(first + n - 1)
        for start, stop in ((low, high), own):
            if measure(n, stop - start) <= room:
                return n, together(start, stop, EVERY)
        limits = [m for m in LIMITS if m >= WORTH_TWO or n == 1] if n <= 2 else []
        for limit in limits:
            if measure(n, limit) <= room:
                return n, together(*own, limit)
    return 1, together(w.starts[first], w.end(first), FEW)
