"""A line of cells, and its windows below each other like stairs."""

from __future__ import annotations

from poolcli.analysis.steps import Position
from poolcli.report.canvas import Block, Span
from poolcli.report.windows.cells import ARROW, PART_GAP, Picture, WindowCells
from poolcli.report.windows.grid import DOTS, Box, Cell, Look, Spot, grid, together
from poolcli.windows import Windows

LABEL, ROOM = 10, 4
ONE_ROW = [[Spot(0)]]


def stairs(cells: WindowCells, last: Position | None = None) -> Picture:
    """Return a line of cells, and each window on a line of its own below the cells it covers.

    ``last``: the last window, where it is not as many as fit.
    """
    first = cells.box.first
    (w,) = cells.explanation.windows
    lines = max(1, (cells.height - 1) // cells.tall)
    stop = min(cells.box.stop[0], first[0] + lines) if last is None else last[0] + 1
    begin = first[0] if last is None else max(first[0], stop - lines)
    label = max(LABEL, *(len(f"[{i}]") + 2 for i in (begin, stop - 1)))
    width = cells.cell_width - 2
    room = cells.width - label - PART_GAP - 3 - cells.result_width
    for around in (ROOM, 2):
        most = room // (width + around)
        low, high = min(0, w.starts[begin]), max(w.n, w.end(stop - 1))
        if high - low > most:
            low, high = w.starts[begin], w.end(stop - 1)
        if high - low <= most:
            break
    while stop - begin > 1 and w.end(stop - 1) - w.starts[begin] > most:
        stop -= 1
    if w.end(stop - 1) - w.starts[begin] <= most:
        high = min(high, max(w.end(stop - 1), low + most))
    else:
        low, high = w.starts[begin], w.end(stop - 1)
    columns = together(low, high, most)

    def line(look: Look) -> Block:
        return grid(ONE_ROW, columns, look, signs=cells.signs, room=around)

    head = line(lambda _, j: cells.other((j.cell,), "bare"))
    block: Block = [[Span(" " * label), *head[0]]]
    for i in range(begin, stop):
        own = line(_stair_look(cells, i, w))
        result = cells.result((i,))
        start = f"[{i}]"
        block.append(
            [
                Span(start, "result", result.hue),
                Span(" " * (label - len(start))),
                *own[0],
                Span(" " * PART_GAP + f"{ARROW} "),
                Span(f" {result.text} ", "result", result.hue),
            ]
        )
        if len(own) > 1:
            block.append([Span(" " * label), *own[1]])
    return Picture(block, Box((begin,), (stop,)))


def _stair_look(cells: WindowCells, i: int, w: Windows) -> Look:
    """Look at the cells of one window alone."""
    step, inside = cells.step((i,)), range(w.starts[i], w.end(i), w.dilation)

    def look(_: Spot, column: Spot) -> Cell:
        if column.cell is None:
            return Cell(DOTS, "faint")
        return cells.member(step, (column.cell,), "member") if column.cell in inside else Cell("")

    return look
