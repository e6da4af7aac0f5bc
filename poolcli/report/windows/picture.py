"""Pictures of windows: what they cover, which cell wins, and what they give.

Windows that share no cell are one picture, with gaps between them. Windows that overlap or have
gaps of their own are small multiples. On a line of cells windows stand below each other like
stairs; a volume lies in slices side by side.
"""

from __future__ import annotations

from collections.abc import Callable

from poolcli.analysis.steps import Position
from poolcli.report.canvas import Block, width_of
from poolcli.report.windows.cells import Picture, WindowCells
from poolcli.report.windows.grid import EVERY, Box, grid, together
from poolcli.report.windows.multiples import multiples
from poolcli.report.windows.stairs import stairs
from poolcli.report.windows.whole import scattered, whole

MOST_TRIES = 4


def picture(cells: WindowCells) -> Picture:
    """Return the picture that suits these windows."""
    return _fitted(cells, lambda: _best(cells))


def step_picture(cells: WindowCells, at: Position) -> Block:
    """Return the picture of one window among the others, and of the results up to its own."""
    explanation = cells.explanation
    if len(explanation.shape) == 1 and not explanation.unpools:
        return _fitted(cells, lambda: stairs(cells, last=at)).block
    if explanation.unpools and not explanation.disjoint:
        return _fitted(cells, lambda: scattered(cells, lit=at)).block
    box = Box(at, tuple(i + 1 for i in at))
    if explanation.disjoint:
        found = _fitted(cells, lambda: whole(cells, lit=at))
        if at in found.shown:
            return found.block
        # The window is on another page of as many windows.
        pages = zip(at, cells.box.first, found.shown.shape, strict=True)
        first = tuple(i - (i - start) % n for i, start, n in pages)
        page = _like(cells, Box(first, cells.box.stop))
        found = _fitted(page, lambda: whole(page, lit=at))
        if at in found.shown:
            return found.block
    return picture(_like(cells, box)).block


def _like(cells: WindowCells, box: Box) -> WindowCells:
    """Return the cells of other windows, for the same room."""
    return WindowCells(
        cells.explanation, box, width=cells.width, height=cells.height, signs=cells.signs
    )


def matrices(cells: WindowCells) -> Picture | None:
    """Return cells and results beside each other, in one colour for each window if possible.

    Windows that overlap would have several: then neither is coloured.
    """
    explanation = cells.explanation
    if explanation.disjoint:
        return whole(cells)
    if explanation.unpools:
        return scattered(cells)
    if not cells.lacks:
        return None
    shape = ((1,) * cells.lacks + explanation.cells.shape)[1:]
    rows, columns = (together(0, n, EVERY) for n in shape)
    before = grid(
        rows,
        columns,
        lambda i, j: cells.other(cells.own((0, i.cell, j.cell)), "bare"),
        signs=False,
    )
    after = [
        [span._replace(role="bare", hue=None) for span in line]
        for line in cells.output(cells.volume)
    ]
    return Picture(cells.turned(before, after), cells.box)


def _best(cells: WindowCells) -> Picture:
    explanation = cells.explanation
    if explanation.unpools:
        return whole(cells) if explanation.disjoint else scattered(cells)
    if len(explanation.shape) == 1:
        return stairs(cells)
    return whole(cells) if explanation.disjoint else multiples(cells)


def _fitted(cells: WindowCells, make: Callable[[], Picture]) -> Picture:
    """Return a picture that fits, also where numbers are longer than was guessed."""
    made, width, height = make(), cells.width, cells.height
    for _ in range(MOST_TRIES):
        wide, high = width_of(made.block) - width, len(made.block) - height
        if wide <= 0 and high <= 0:
            break
        cells.width -= max(0, wide)
        cells.height -= max(0, high)
        made = make()
    cells.width, cells.height = width, height
    return made
