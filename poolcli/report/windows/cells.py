"""What is shown of each cell and of each result, and how much room that takes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeGuard

from poolcli.analysis.explain import Explanation
from poolcli.analysis.steps import Position, Step
from poolcli.report.canvas import Block, beside, text_line, width_of
from poolcli.report.numbers import pick
from poolcli.report.windows.grid import (
    DOTS,
    FEW,
    Box,
    Cell,
    Look,
    Spot,
    grid,
    number_writer,
    widest,
)
from poolcli.windows import Windows

ARROW, PAD = "→", "·"
PART_GAP, SLICE_GAP = 3, 3
ALL_CELLS, FAR = 4096, 200  # up to so many cells all decide on how numbers are written
# What stands for the axes that a plane or a line of cells does not have.
_NO_AXIS = Windows("", 1, range(1), 1)

MaybePosition = tuple[int | None, ...]


class Picture(NamedTuple):
    """A picture, and the windows that are in it."""

    block: Block
    shown: Box


class WindowCells:
    """The cells of one explanation, to be shown in ``width`` columns and ``height`` lines.

    ``box``: the windows that are asked for. ``signs``: with signs around cells, for where there
    are no colours. In pictures every plane is a volume of one slice, and a line of cells a plane of
    one row: ``axes`` and ``volume`` are the windows and the box of that.
    """

    def __init__(
        self, explanation: Explanation, box: Box, *, width: int, height: int, signs: bool
    ) -> None:
        self.explanation, self.box, self.signs = explanation, box, signs
        self.width, self.height = width, height
        self.lacks = 3 - len(explanation.shape)
        self.axes = (*(_NO_AXIS,) * self.lacks, *explanation.windows)
        self.volume = Box((0,) * self.lacks + box.first, (1,) * self.lacks + box.stop)
        self._steps: dict[Position, Step] = {}
        near = explanation.cells[_reach(explanation, box)]
        few = box.corner([max(4, FAR // w.largest) for w in explanation.windows])
        results = explanation.results_of(*few)
        self._write, self._write_result = number_writer(near), number_writer(results)
        self.tall = 2 if self.step(box.first).probabilities is not None else 1
        percent, expected = (len("100%"), len("E 12.3")) if self.tall > 1 else (0, 0)
        self.cell_width = 2 + max(percent, widest(near, self._write))
        self.result_width = 2 + max(expected, widest(results, self._write_result))

    def step(self, at: Position) -> Step:
        """Return a step, made once."""
        if at not in self._steps:
            self._steps[at] = self.explanation.step(at)
        return self._steps[at]

    def result(self, at: Position, role: str = "result") -> Cell:
        """Return what is shown of a window's result."""
        step = self.step(at)
        under = "" if step.expected is None else f"E {_short(step.expected)}"
        return Cell(self._write_result(step.result), role, step.hue, under)

    def slices(self, depth: int, most: int) -> list[Spot]:
        w = self.axes[0]
        return [
            Spot(None if m is None else w.starts[depth] + m * w.dilation, depth)
            for m in (pick(w.size(depth), most) if most >= min(FEW, w.size(depth)) else [0])
        ]

    def results_look(self, depth: int, lit: Position | None) -> Look:
        def look(row: Spot, column: Spot) -> Cell:
            at = self.own((depth, row.cell, column.cell))
            if lit is not None and at > lit:
                return Cell(PAD, "faint")
            return self.result(at)

        return look

    def one_look(self, slice_: Spot, at: Position) -> Look:
        """Look at cells with one window among them."""
        step = self.step(self.own(at))
        inside = [
            range(w.starts[i], w.end(i), w.dilation) for w, i in zip(self.axes, at, strict=True)
        ]

        def look(row: Spot, column: Spot) -> Cell:
            position = (slice_.cell, row.cell, column.cell)
            if all(cell in own for cell, own in zip(position, inside, strict=True)):
                return self.member(step, self.own(position), "member")
            return self.other(self.own(position), "faint")

        return look

    def turned(self, cells: Block, results: Block) -> Block:
        """Return cells, an arrow and results; the other way round where values go back."""
        parts = [cells, [text_line(ARROW)], results]
        return beside(parts[::-1] if self.explanation.unpools else parts, PART_GAP)

    def captioned(self, slice_: Spot, block: Block) -> Block:
        """Return a block with its depth above it, where there is one."""
        if self.lacks:
            return block
        words = DOTS if slice_.cell is None else f"depth {slice_.cell}".replace("-", "−")
        return [text_line(f" {words}".ljust(width_of(block)), "faint"), *block]

    def other(self, position: MaybePosition, role: str) -> Cell:
        """Return what is shown of a cell that is in no window that is told of."""
        if not is_known(position):
            return Cell(DOTS, "faint")
        if self.explanation.is_padding(position):
            return Cell(PAD, "faint")
        return Cell(self._write(self.explanation.cells[position]), role)

    def member(self, step: Step, position: Position, role: str) -> Cell:
        """Return what is shown of a cell of a window."""
        explanation = self.explanation
        if explanation.is_padding(position):
            mirrored = explanation.value_at(position)
            if mirrored is None:
                return Cell(PAD, "padding", step.hue)
            return Cell(self._write(mirrored), "mirrored", step.hue)
        if position == step.winner:
            role = "winner"
        elif not step.counts[step.number_of(position)]:
            role = "missing"
        under = ""
        if step.probabilities is not None:
            under = f"{step.probabilities[step.number_of(position)]:.0%}"
        return Cell(self._write(explanation.cells[position]), role, step.hue, under)

    def own(self, position: tuple[Any, ...]) -> Any:
        """Return the place without the axes that there are not."""
        return position[self.lacks :]

    def output(self, shown: Box) -> Block:
        rows = [[Spot(i) for i in range(shown.first[1], shown.stop[1])]]
        columns = [[Spot(j) for j in range(shown.first[2], shown.stop[2])]]
        look = self.results_look(shown.first[0], None)
        return grid(rows, columns, lambda i, j: look(i, j)._replace(under=""), signs=False)


def is_known(position: MaybePosition) -> TypeGuard[Position]:
    """Whether a place is that of a cell, and not of those left out."""
    return None not in position


def _reach(explanation: Explanation, box: Box) -> tuple[slice, ...]:
    """Where the cells of these windows are; of long axes, those that could be shown."""
    if explanation.cells.size <= ALL_CELLS:
        return (slice(None),) * explanation.cells.ndim
    reach = []
    for w, first, stop in zip(explanation.windows, *box, strict=True):
        low, high = max(0, w.starts[first]), min(w.n, w.end(stop - 1))
        reach.append(slice(low, max(low + 1, min(high, max(w.end(first), low + FAR)))))
    return tuple(reach)


def _short(value: float) -> str:
    """Return about three digits of a number."""
    text = f"{value:.0f}" if 100 <= abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", "−")
