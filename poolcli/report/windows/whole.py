"""All windows in one picture: those that share no cell, or the cells that values go back to."""

from __future__ import annotations

from collections.abc import Callable

from poolcli.analysis.steps import Position
from poolcli.report.canvas import beside, joined
from poolcli.report.windows.cells import PART_GAP, SLICE_GAP, Picture, WindowCells, is_known
from poolcli.report.windows.grid import (
    DOTS,
    EVERY,
    FEW,
    LIMITS,
    WORTH_TWO,
    Box,
    Cell,
    Group,
    Look,
    Spot,
    grid,
    separate,
    together,
)


def whole(cells: WindowCells, lit: Position | None = None) -> Picture:
    """Return one picture of as many windows as there is room for.

    ``lit``: the one window that is told of; others are faint, and results after it not there.
    """
    first = cells.volume.first
    slices, columns = _fit_columns(cells)
    rows = _fit_rows(cells)
    deep = max(1, (cells.height + 1) // (_lines(cells, *rows) + 1))
    shown = cells.volume.corner((deep, rows[0], columns[0]))
    pictures = []
    for depth in range(shown.first[0], shown.stop[0]):
        parts = [
            cells.captioned(d, grid(rows[1], columns[1], _look(cells, d, lit), signs=cells.signs))
            for d in cells.slices(depth, slices)
        ]
        results = grid(
            [[Spot(i)] for i in range(first[1], shown.stop[1])],
            [[Spot(j)] for j in range(first[2], shown.stop[2])],
            cells.results_look(depth, lit),
            signs=False,
        )
        pictures.append(
            cells.turned(beside(parts, SLICE_GAP), cells.captioned(Spot(depth), results))
        )
    return Picture(joined(pictures), Box(*map(cells.own, shown)))


def _fit_columns(cells: WindowCells) -> tuple[int, tuple[int, list[Group]]]:
    """Choose how many slices and which columns are shown."""
    thick = cells.axes[0].largest
    for slices in (thick, FEW, 1):

        def wide(count: int, groups: list[Group], slices: int = min(slices, thick)) -> int:
            one = sum(map(len, groups)) * cells.cell_width + len(groups) - 1
            results = count * (cells.result_width + 1) - 1
            return slices * (one + SLICE_GAP) - SLICE_GAP + 2 * PART_GAP + 1 + results

        found = _fit(cells, 2, wide, cells.width)
        if found is not None:
            return slices, found
    return 1, _one(cells, 2)


def _fit_rows(cells: WindowCells) -> tuple[int, list[Group]]:
    found = _fit(cells, 1, lambda count, rows: _lines(cells, count, rows), cells.height)
    return found or _one(cells, 1)


def _lines(cells: WindowCells, count: int, groups: list[Group]) -> int:
    """How many lines these rows and so many results below each other take."""
    lines = sum(map(len, groups)) * cells.tall + len(groups) - 1
    return max(lines, count * (cells.tall + 1) - 1) + (cells.lacks == 0)


def _fit(
    cells: WindowCells, axis: int, measure: Callable[[int, list[Group]], int], room: int
) -> tuple[int, list[Group]] | None:
    """Choose the most windows along an axis that fit, with some of their cells left out."""
    w, first, count = cells.axes[axis], cells.volume.first[axis], cells.volume.shape[axis]
    tries = [(n, EVERY) for n in range(min(count, room), min(count, 2) - 1, -1)]
    if count > 1:
        tries += [(2, limit) for limit in LIMITS if limit >= WORTH_TWO]
    tries += [(1, limit) for limit in (EVERY, *LIMITS)]
    for n, limit in tries:
        if limit != EVERY and w.largest <= limit:
            continue
        groups = separate(w, first, first + n, limit)
        if measure(n, groups) <= room:
            return n, groups
    return None


def _one(cells: WindowCells, axis: int) -> tuple[int, list[Group]]:
    """One window, of which as little is shown as possible, and nothing around it."""
    first = cells.volume.first[axis]
    groups = separate(cells.axes[axis], first, first + 1, FEW)
    return 1, [group for group in groups if group[0].window is not None]


def _look(cells: WindowCells, slice_: Spot, lit: Position | None) -> Look:
    def look(row: Spot, column: Spot) -> Cell:
        spots = (slice_, row, column)
        at = cells.own(tuple(spot.window for spot in spots))
        position = cells.own(tuple(spot.cell for spot in spots))
        if not is_known(at):
            return cells.other(position, "dropped")
        if lit is not None and at != lit:
            # Below it is room for what stands there once it is told of.
            return cells.other(position, "faint")._replace(under=" " * (cells.tall - 1))
        step = cells.step(at)
        if not is_known(position):
            return Cell(DOTS, "cell", step.hue)
        return cells.member(step, position, "cell" if lit is None else "member")

    return look


def scattered(cells: WindowCells, lit: Position | None = None) -> Picture:
    """Return the cells that values go to, all in one picture.

    ``lit``: the last of the values that is there already.
    """
    explanation, box = cells.explanation, cells.box
    targets = {}
    for at in box.positions():
        step = cells.step(at)
        if step.winner is not None and (lit is None or at <= lit):
            targets[step.winner] = step
    sizes = ((1,) * cells.lacks + explanation.cells.shape)[1:]
    results = (1,) * cells.lacks + explanation.shape
    room = cells.width - 2 * PART_GAP - 1 - min(results[2], 8) * cells.result_width
    columns = together(0, sizes[1], max(FEW, room // cells.cell_width))
    rows = together(0, sizes[0], max(FEW, cells.height))

    def look_at(slice_: Spot) -> Look:
        def look(row: Spot, column: Spot) -> Cell:
            position = cells.own((slice_.cell, row.cell, column.cell))
            if is_known(position) and position in targets:
                return cells.member(targets[position], position, "member")
            return cells.other(position, "faint")

        return look

    depths = ((1,) * cells.lacks + explanation.cells.shape)[0]
    parts = [
        cells.captioned(d, grid(rows, columns, look_at(d), signs=cells.signs))
        for d in together(0, depths, FEW)[0]
    ]
    shown = cells.volume.corner((1, max(1, cells.height), 8))
    return Picture(cells.turned(beside(parts, SLICE_GAP), cells.output(shown)), box)
