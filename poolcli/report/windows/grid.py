"""Cells of an array laid out for eyes: which of them are shown, in which groups, and as what."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from poolcli.analysis.steps import Position
from poolcli.report.canvas import NO_SIGNS, SIGNS, Block, Line, Span
from poolcli.report.numbers import cell_format, pick
from poolcli.windows import Windows

DOTS = "…"
EVERY = 1 << 30  # no limit
MANY = 4096
LIMITS = (16, 12, 10, 8, 7, 6, 5, 4, 3)  # of the cells of a window that are shown
WORTH_TWO = 5  # with so many cells of each, two windows tell more than one
FEW = 3  # of a run of cells that no window covers, or of a window that is too long, at least


class Spot(NamedTuple):
    """One row or column of a picture: a cell of the axis, and the window that it belongs to.

    Without a ``cell`` it stands for all that are left out.
    """

    cell: int | None
    window: int | None = None


Group = list[Spot]
"""Rows or columns with nothing between them."""


class Box(NamedTuple):
    """The windows ``first[axis] .. stop[axis] - 1`` of a grid."""

    first: Position
    stop: Position

    @property
    def shape(self) -> Position:
        """How many windows these are along each axis."""
        return tuple(b - a for a, b in zip(self.first, self.stop, strict=True))

    @property
    def size(self) -> int:
        """How many windows these are."""
        return math.prod(self.shape)

    def positions(self) -> Iterator[Position]:
        """Give the place of each, in C order."""
        return itertools.product(*map(range, self.first, self.stop))

    def __contains__(self, position: object) -> bool:
        """Whether a window is one of these."""
        return isinstance(position, tuple) and all(
            a <= i < b for a, i, b in zip(self.first, position, self.stop, strict=True)
        )

    def corner(self, most: Sequence[int]) -> Box:
        """The first of these windows, at most so many along each axis."""
        ends = (min(b, a + m) for a, b, m in zip(self.first, self.stop, most, strict=True))
        return Box(self.first, tuple(ends))


class Cell(NamedTuple):
    """What is shown of one cell; ``under`` stands below its number."""

    text: str
    role: str = ""
    hue: int | None = None
    under: str = ""


Look = Callable[[Spot, Spot], Cell]


def separate(w: Windows, first: int, stop: int, most: int) -> list[Group]:
    """Windows that share no cell as groups, and cells between them that none covers as others.

    At most ``most`` cells of a group are among its spots.
    """
    groups: list[Group] = []
    reached = 0 if first == 0 else w.starts[first]
    for i in range(first, stop):
        groups.append(_run(reached, w.starts[i], FEW, None))
        groups.append(_run(w.starts[i], w.end(i), most, i))
        reached = w.end(i)
    if stop == w.out:
        groups.append(_run(reached, w.n, FEW, None))
    return [group for group in groups if group]


def together(low: int, high: int, most: int) -> list[Group]:
    """The cells ``low .. high-1`` as one group."""
    return [_run(low, high, most, None)]


def _run(low: int, high: int, most: int, window: int | None) -> Group:
    if high <= low:
        return []
    return [Spot(None if i is None else low + i, window) for i in pick(high - low, max(most, FEW))]


def grid(
    rows: list[Group], columns: list[Group], look: Look, *, signs: bool, room: int = 2
) -> Block:
    """Lay out cells: a gap between groups, all columns of one width.

    ``room`` is what stands around each number. With ``signs`` they tell what a cell is.
    """
    table = [[[look(i, j) for g in columns for j in g] for i in group] for group in rows]
    cells = [cell for group in table for line in group for cell in line]
    tall = any(cell.under for cell in cells)
    width = room + max((max(len(c.text), len(c.under)) for c in cells), default=1)
    ends = set(itertools.accumulate(map(len, columns)))
    block: Block = []
    for number, group in enumerate(table):
        if number:
            block.append([])
        for line in group:
            centred = tall or room > 2
            block.append(_row([_span(c, width, signs=signs, centred=centred) for c in line], ends))
            if any(cell.under for cell in line):
                block.append(_row([_under(c, width) for c in line], ends))
    return block


def _span(cell: Cell, width: int, *, signs: bool, centred: bool) -> Span:
    around = SIGNS.get(cell.role, NO_SIGNS) if signs else NO_SIGNS
    text = f"{around.before}{cell.text}{around.after}"
    # A bracket belongs to its number: "[ 4]" would be read as a column of its own.
    return Span(text.center(width) if centred else text.rjust(width), cell.role, cell.hue)


def _under(cell: Cell, width: int) -> Span:
    role = {"winner": "chosen", "result": "faint"}.get(cell.role, "cell")
    return Span(cell.under.center(width), role, None if role == "faint" else cell.hue)


def _row(spans: list[Span], ends: set[int]) -> Line:
    line: Line = []
    for number, span in enumerate(spans):
        if number in ends:
            line.append(Span(" "))
        line.append(span)
    return line


def number_writer(values: Any) -> Callable[[Any], str]:
    """How to write any one of ``values``, with the minus sign of formulas."""
    show = cell_format(values.reshape(-1)[:: values.size // MANY + 1])
    return lambda value: show(value).replace("-", "−")


def widest(values: Any, write: Callable[[Any], str]) -> int:
    """How many columns the longest of ``values`` takes."""
    if values.size > MANY:  # of very many the ends decide, and what is no number
        odd = (
            values[~np.isfinite(values)][:9] if values.dtype.kind == "f" else values[:0].reshape(-1)
        )
        with np.errstate(all="ignore"):
            ends = (np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None))
        return max(len(write(value)) for value in (*ends, *odd))
    return max((len(write(value)) for value in values.flat), default=1)
