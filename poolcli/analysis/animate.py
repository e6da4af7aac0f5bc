"""A pooling as an animation: one frame for each window, from what :mod:`explain` tells of it.

The first frame shows the input, the last one all windows. Large inputs are shown in part, from the
top left, as many windows as a picture has room for.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from poolcli.analysis.arithmetic import number_text
from poolcli.analysis.explain import Explanation
from poolcli.analysis.palette import FAINT, HUES, INK, PADDING
from poolcli.analysis.steps import Position, Step
from poolcli.analysis.timing import SECONDS, check_seconds
from poolcli.errors import InputError
from poolcli.formats.animation import (
    SMALLEST_LEGIBLE_CELL,
    Frame,
    Outline,
    Panels,
    Storyboard,
    Tile,
    cell_size,
)
from poolcli.layout import show_shape

MOST_WINDOWS = 62
"""With the first frame and the last one these are 64."""

# An input that is not shown whole is shown in a part that is easily taken in.
_EASY_WINDOWS, _EASY_CELL = 16, 44
_NEUTRAL, _PALE_INK = "#f1f3f5", "#4d5a68"

TilePosition = tuple[int, int, int]
"""A panel, and a row and a column in it."""


class Part(NamedTuple):
    """How many windows of how many are shown along each axis of the first grid of windows."""

    shown: Position
    of: Position

    @property
    def is_whole(self) -> bool:
        """Whether that is all of them."""
        return self.shown == self.of


def make_storyboard(
    explanations: Sequence[Explanation], title: str, *, seconds: float = SECONDS
) -> tuple[Storyboard, Part]:
    """Make the frames of a pooling, and say how much of it they show.

    Parameters
    ----------
    explanations: what :func:`~poolcli.analysis.explain.explain` gives.
    title: the op and its windows, for the top of each frame.
    seconds: how long each window is seen; the first frame is shorter and the last one longer.

    Raises
    ------
    UsageError: seconds that are no sensible time.
    InputError: windows of more cells than a picture can show.

    >>> import numpy as np
    >>> from poolcli.analysis.explain import explain
    >>> from poolcli.geometry import Sliding
    >>> from poolcli.request import Request
    >>> board, part = make_storyboard(explain(Request("max", Sliding(2)), np.eye(4)), "max 2×2")
    >>> [(frame.caption, frame.milliseconds) for frame in board.frames][::5]
    [('the largest value of each window', 700), ('4×4 → 2×2', 2500)]
    """
    seconds = check_seconds(seconds)
    scene = _fitting(explanations)
    steps = list(scene.steps())
    frames = [scene.frame(steps, 0, explanations[0].summary, seconds * 7 / 9)]
    for number, (_, step) in enumerate(steps, 1):
        frames.append(scene.frame(steps, number, step.text, seconds))
    frames.append(scene.frame(steps, None, scene.result_text(), seconds * 25 / 9))
    return Storyboard(title, scene.panels, frames), Part(
        scene.shown(explanations[0]), explanations[0].shape
    )


def _fitting(explanations: Sequence[Explanation]) -> _Scene:
    """The whole scene, or the largest part of it that is easily seen."""
    counts = [
        max(one.shape[axis] for one in explanations) for axis in range(len(explanations[0].shape))
    ]
    whole = _Scene(explanations, tuple(counts))
    if whole.count <= MOST_WINDOWS and whole.cell >= SMALLEST_LEGIBLE_CELL:
        return whole
    caps = [min(count, _EASY_WINDOWS) for count in counts]
    scene = _Scene(explanations, tuple(caps))
    while max(caps) > 1 and (scene.count > _EASY_WINDOWS or scene.cell < _EASY_CELL):
        # The longest side gives way, the later one of two that are as long.
        reach = [
            (cap > 1, n, axis) for axis, (cap, n) in enumerate(zip(caps, scene.extent, strict=True))
        ]
        caps[max(reach)[2]] -= 1
        scene = _Scene(explanations, tuple(caps))
    if scene.cell == 0:
        size = show_shape(tuple(w.largest for w in explanations[0].windows)).replace("x", "×")
        raise InputError(f"windows of {size} cells are more than a picture can show")
    return scene


class _Scene:
    """Where everything stands, with at most ``caps`` windows along each axis."""

    def __init__(self, explanations: Sequence[Explanation], caps: Position) -> None:
        self._explanations, self._caps = explanations, caps
        first = explanations[0]
        self._unpools = first.unpools
        self._low, self._high = self._bounds()
        self.extent = tuple(map(operator.sub, self._high, self._low))
        """How many cells are drawn along each axis, padding included."""
        cells = _grids(self.extent)
        results: list[tuple[int, int]] = []
        self._first_result = []
        for one in explanations:
            self._first_result.append(len(results))
            results += _grids(self.shown(one))
        before, after = (results, cells) if self._unpools else (cells, results)
        gaps = [frozenset(g) for g in _plane(self._gaps(), frozenset())]
        self.panels = Panels(
            before,
            after,
            falls=len(self.extent) == 1,
            stacks=len(after) > 1 and not self._unpools,
            row_gaps=frozenset() if self._unpools else gaps[1],
            column_gaps=frozenset() if self._unpools else gaps[2],
        )

    @property
    def count(self) -> int:
        """How many windows are shown."""
        return sum(math.prod(self.shown(one)) for one in self._explanations)

    @cached_property
    def cell(self) -> int:
        """The pixels of a cell."""
        return cell_size(self.panels, self.count + 2)

    def shown(self, one: Explanation) -> Position:
        """How many windows of a grid are shown along each axis."""
        return tuple(map(min, one.shape, self._caps))

    def steps(self) -> Iterator[tuple[int, Step]]:
        """Tell all windows that are shown, each with the number of its grid."""
        for number, one in enumerate(self._explanations):
            for at in itertools.product(*map(range, self.shown(one))):
                yield number, one.step(at)

    def result_text(self) -> str:
        """What became of what: ``4×4 → 2×2``."""
        first = self._explanations[0]
        sides = [show_shape(first.cells.shape)]
        sides.append(" and ".join(show_shape(one.shape) for one in self._explanations))
        text = " → ".join(reversed(sides) if self._unpools else sides).replace("x", "×")
        if self.shown(first) != first.shape:
            shown = show_shape(self.shown(first)).replace("x", "×")
            text += f"; here the first {shown}"
        return text

    def frame(
        self, steps: Sequence[tuple[int, Step]], now: int | None, caption: str, seconds: float
    ) -> Frame:
        """Draw the steps up to the one whose number, from 1, is ``now``: None for the end."""
        done = len(steps) if now is None else now
        done_steps = steps[:done]
        tiles: dict[TilePosition, Tile] = {}
        tiles.update(self._cell_tiles(done_steps, now))
        tiles.update(self._result_tiles(done_steps))
        outlines = list(self._outlines(*done_steps[-1])) if now else []
        is_quiet = now is None or now == 0
        return Frame(tiles, outlines, caption, is_quiet, round(seconds * 100) * 10)

    # -------------------------------------------------------------- the plane of cells

    def _bounds(self) -> tuple[Position, Position]:
        """The first cell that is drawn along each axis, padding counted below 0, and the end."""
        lows, highs = [], []
        for axis, cap in enumerate(self._caps):
            windows = [one.windows[axis] for one in self._explanations]
            is_whole = all(w.out <= cap for w in windows)
            first = windows[0]
            low = min(0, *(w.starts[0] for w in windows), -first.pad_before)
            high = max(w.end(min(w.out, cap) - 1) for w in windows)
            lows.append(low)
            highs.append(max(high, first.n + first.pad_after) if is_whole else high)
        return tuple(lows), tuple(highs)

    def _gaps(self) -> list[set[int]]:
        """Along each axis the drawn cells that a window begins with, where windows lie apart."""
        if len(self._explanations) > 1 or not self._explanations[0].disjoint:
            return [set() for _ in self._low]
        return [
            {start - low for start in w.starts[1:cap] if w.largest > 1}
            for w, low, cap in zip(
                self._explanations[0].windows, self._low, self._caps, strict=True
            )
        ]

    def _cell_place(self, cell: Position) -> TilePosition:
        depth, row, column = _plane(tuple(map(operator.sub, cell, self._low)), 0)
        return depth + self._first_cell_panel, row, column

    @property
    def _first_cell_panel(self) -> int:
        return len(self.panels.before) if self._unpools else 0

    def _cell_tiles(
        self, done_steps: Sequence[tuple[int, Step]], now: int | None
    ) -> Iterator[tuple[TilePosition, Tile]]:
        one = self._explanations[0]
        looks = dict(self._coloured(done_steps, now))
        for cell in itertools.product(*map(range, self._low, self._high)):
            inside = all(0 <= c < n for c, n in zip(cell, one.cells.shape, strict=True))
            tile = looks.get(cell)
            if not inside:
                tile = tile or Tile("·", None, FAINT, border=True)
            elif tile is None and self._unpools and now is not None:
                tile = Tile("", border=True)
            elif tile is None:
                tile = self._plain(one, cell)
            yield self._cell_place(cell), tile

    def _plain(self, one: Explanation, cell: Position) -> Tile:
        text = number_text(one.cells[cell])[0]
        if all(grid.is_dropped(cell) for grid in self._explanations):
            return Tile(text, None, FAINT, struck=True)
        return Tile(text, _NEUTRAL, _PALE_INK)

    def _coloured(
        self, done_steps: Sequence[tuple[int, Step]], now: int | None
    ) -> Iterator[tuple[Position, Tile]]:
        """The cells of the window that is explained now; of those before where none overlap."""
        apart = self._explanations[0].disjoint and len(self._explanations) == 1
        seen = done_steps if apart or self._unpools else done_steps[-1:] if now else []
        for grid, step in seen if self._unpools else done_steps[-1:] if now else []:
            yield from self._window_ground(self._explanations[grid], step)
        for number, (grid, step) in enumerate(seen):
            is_now = bool(now) and number == len(seen) - 1
            yield from self._window_tiles(self._explanations[grid], step, is_now)

    def _window_ground(self, one: Explanation, step: Step) -> Iterator[tuple[Position, Tile]]:
        """What is neither a value nor a winner: padding, or where nothing is put back."""
        for cell in self._window(one, step):
            inside = all(0 <= c < n for c, n in zip(cell, one.cells.shape, strict=True))
            text = number_text(one.cells[cell])[0] if inside else "·"
            yield cell, Tile(text, PADDING, FAINT)

    def _window_tiles(
        self, one: Explanation, step: Step, is_now: bool
    ) -> Iterator[tuple[Position, Tile]]:
        hue = HUES[step.hue]
        for number, cell in enumerate(step.cells):
            is_winner = cell == step.winner
            if self._unpools and not is_winner:
                continue
            text = number_text(one.cells[cell])[0]
            if not step.counts[number]:
                yield cell, Tile(text, None, FAINT, border=True)
                continue
            note = ""
            if is_now and step.probabilities is not None:
                note = f"{step.probabilities[number]:.0%}"
            strong = is_now or is_winner
            ground = hue.strong if is_winner else hue.tint
            yield cell, Tile(text, ground, INK if strong else _PALE_INK, strong, note=note)

    def _window(self, one: Explanation, step: Step) -> Iterable[Position]:
        """All cells of a window, padding included; where values are put back, those that can be."""
        if self._unpools:
            return step.cells
        at = zip(one.windows, step.at, strict=True)
        return itertools.product(*(range(w.starts[i], w.end(i), w.dilation) for w, i in at))

    # -------------------------------------------------------------- results and outlines

    def _result_place(self, grid: int, at: Position) -> TilePosition:
        depth, row, column = _plane(at, 0)
        first = self._first_result[grid] + (0 if self._unpools else len(self.panels.before))
        return first + depth, row, column

    def _result_tiles(
        self, done_steps: Sequence[tuple[int, Step]]
    ) -> Iterator[tuple[TilePosition, Tile]]:
        for grid, one in enumerate(self._explanations):
            for at in itertools.product(*map(range, self.shown(one))):
                tile = Tile("", border=True)
                if self._unpools:
                    tile = Tile(number_text(one.results[at])[0], _NEUTRAL, _PALE_INK)
                yield self._result_place(grid, at), tile
        for grid, step in done_steps:
            text = number_text(step.result)[0]
            tile = Tile(text, HUES[step.hue].strong, INK, bold=True)
            yield self._result_place(grid, step.at), tile

    def _outlines(self, grid: int, step: Step) -> Iterator[Outline]:
        """One around the window in each slice of depth, or around each cell of a dilated one."""
        yield Outline(*self._result_place(grid, step.at))
        one = self._explanations[grid]
        if self._unpools and not step.cells:
            return
        cells = [self._cell_place(cell) for cell in self._window(one, step)]
        if any(w.dilation > 1 and w.size(i) > 1 for w, i in zip(one.windows, step.at, strict=True)):
            yield from (Outline(*cell) for cell in cells)
            return
        for panel, places in itertools.groupby(cells, key=lambda cell: cell[0]):
            rows, columns = zip(*((row, column) for _, row, column in places), strict=True)
            top, left = min(rows), min(columns)
            yield Outline(panel, top, left, max(rows) - top + 1, max(columns) - left + 1)


def _grids(extent: Position) -> list[tuple[int, int]]:
    """The rows and columns of each slice of depth."""
    depth, rows, columns = _plane(extent)
    return [(rows, columns)] * depth


def _plane(values: Sequence[Any], missing: Any = 1) -> Sequence[Any]:
    """One value for each of depth, height and width, of those that there are."""
    return (*(missing,) * (3 - len(values)), *values)
