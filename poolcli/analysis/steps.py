"""One window at a time: what it covers, what wins, what comes out, and the arithmetic of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.arithmetic import Equation, Numbers, WindowValues, listed, number_text
from poolcli.analysis.palette import hue_of
from poolcli.analysis.plane import Cells, StoredPlane, cells_of
from poolcli.engine.mirrored import mirror
from poolcli.engine.native import Missing
from poolcli.layout import Layout
from poolcli.ops import Op
from poolcli.plan import Plan
from poolcli.windows import Windows

Position = tuple[int, ...]
Array = NDArray[Any]

LITTLE_WORK = 1 << 18
"""So many values are pooled at once, without asking how many of the results are wanted."""
TILE = {1: 64, 2: 8, 3: 4}
MOST_VALUES = 12
"""The arithmetic of windows of more cells than this is not written out."""


@dataclass(frozen=True, eq=False)
class Step:
    """One window, and what it gives."""

    at: Position
    """Of the window in its grid, and so of its result: one number for each spatial axis."""
    output_at: Position
    """Of the result in the output: ``at``, or the place in the one axis of a pyramid's output."""
    hue: int
    along: tuple[tuple[int, ...], ...]
    """The real cells of the window along each axis, padding left out."""
    values: Array
    """Of its cells, in C order, in one axis."""
    counts: NDArray[np.bool_]
    """Whether each of the cells counts: missing ones do not."""
    winner: Position | None
    """The cell whose value is the result, by the engine's own indices."""
    result: Any
    text: str
    probabilities: NDArray[np.float64] | None = None
    """Of each cell to be drawn."""
    expected: float | None = None
    """The mean of all draws."""

    @property
    def cells(self) -> tuple[Position, ...]:
        """The positions of the real cells, in C order."""
        return tuple(itertools.product(*self.along))

    def number_of(self, cell: Position) -> int:
        """Which of the values is that of a cell of this window."""
        number = 0
        for along, i in zip(self.along, cell, strict=True):
            number = number * len(along) + along.index(i)
        return number


class StepMaker(Protocol):
    """Tells one window of an explanation, and which cells count."""

    def results(self, first: Position, stop: Position) -> Array: ...
    def missing(self, cells: Array) -> NDArray[np.bool_]: ...
    def step(self, at: Position) -> Step: ...


@dataclass(frozen=True, eq=False)
class Pooling:
    """Tells windows that become one value each.

    They are pooled when they are told of: all at once, or where that is much work a tile of
    neighbours at a time.
    """

    op: Op
    plan: Plan
    plane: Array | StoredPlane
    """With all axes of the plan, each but the spatial ones of length 1."""
    mirrors: bool
    tiles: dict[Position, tuple[Array, NDArray[np.int64] | None]] = field(default_factory=dict)

    @property
    def windows(self) -> tuple[Windows, ...]:
        return self.plan.windows

    @cached_property
    def cells(self) -> Cells:
        """The plane, spatial axes only."""
        return cells_of(self.plane, Layout(self.plan.layout))

    @cached_property
    def rule(self) -> Missing | None:
        """Which cells do not count, where some may not."""
        return self.plan.missing()

    @cached_property
    def tile(self) -> Position:
        """How many windows are pooled at once, along each axis."""
        shape = tuple(w.out for w in self.windows)
        work = math.prod(w.out * min(w.largest, w.n) for w in self.windows)
        return shape if work <= LITTLE_WORK else (TILE[len(shape)],) * len(shape)

    def results(self, first: Position, stop: Position) -> Array:
        shape = [b - a for a, b in zip(first, stop, strict=True)]
        return self.plan.part(first, stop).run(self.plane).reshape(shape)

    def missing(self, cells: Array) -> NDArray[np.bool_]:
        return np.zeros(cells.shape, bool) if self.rule is None else self.rule.mask(cells)

    def _pooled(self, at: Position) -> tuple[Any, int | None]:
        """The result of a window, and the flat position of the cell that was picked."""
        key = tuple(i // n for i, n in zip(at, self.tile, strict=True))
        if key not in self.tiles:
            first = tuple(k * n for k, n in zip(key, self.tile, strict=True))
            ends = zip(first, self.tile, self.windows, strict=True)
            stop = tuple(min(a + n, w.out) for a, n, w in ends)
            results = self.results(first, stop)
            positions = self.plan.part(first, stop).picked(self.plane)
            self.tiles[key] = (
                results,
                positions if positions is None else positions.reshape(results.shape),
            )
        results, positions = self.tiles[key]
        inside = tuple(i % n for i, n in zip(at, self.tile, strict=True))
        return results[inside], None if positions is None else int(positions[inside])

    def step(self, at: Position) -> Step:
        weights = [self._along(w, i) for w, i in zip(self.windows, at, strict=True)]
        along = tuple(map(tuple, weights))
        inside = np.ix_(*along)
        values = self.cells[inside].reshape(-1)
        counts = ~self.missing(values)
        result, position = self._pooled(at)
        picked = None
        if position is not None and position >= 0:
            picked = tuple(map(int, np.unravel_index(position, self.cells.shape)))
        step = Step(
            at=at,
            output_at=at,
            hue=hue_of(at),
            along=along,
            values=values,
            counts=counts,
            winner=picked if picked is not None and _same(self.cells[picked], result) else None,
            result=result,
            text="",
        )
        drawn = None
        if picked is not None and all(i in own for i, own in zip(picked, along, strict=True)):
            drawn = int(np.count_nonzero(counts[: step.number_of(picked)]))
        window = WindowValues(
            values[counts],
            self._divisor(at, int(counts.sum()), len(values)),
            lambda: [math.prod(w) for w, c in zip(_product(weights), counts, strict=True) if c],
            drawn,
            result,
            in_parts=self._cuts_cells,
        )
        step = replace(step, text=_with_result(self._equation(window, len(values)), window))
        if self.op.odds is None or not counts.any():
            return step
        odds = self.op.odds(window, self.plan.request.op_params)
        if odds is None:
            return step
        probabilities = np.zeros(len(values))
        probabilities[counts] = odds.probabilities
        return replace(step, probabilities=probabilities, expected=odds.expected)

    @cached_property
    def _cuts_cells(self) -> bool:
        return any(part.cuts_cells for part in self.plan.request.geometry.parts)

    def _along(self, w: Windows, i: int) -> Mapping[int, Fraction | int]:
        """The cells of a window along one axis, each with its weight."""
        return w.parts(i) if self._cuts_cells else _binomial(w, i, mirrors=self.mirrors)

    def _divisor(self, at: Position, count: int, real: int) -> Any:
        if self.plan.request.divisor is not None:
            return self.plan.request.divisor
        if not self.plan.request.counts_padding:
            return count
        padded = math.prod(w.explicit(i) for w, i in zip(self.windows, at, strict=True))
        return count + padded - real

    def _equation(self, window: WindowValues, real: int) -> Equation:
        """The left side of what gives the result; ``real`` cells are in the window."""
        count = len(window.values)
        if self.rule is not None and self.rule.short(np.array(count), real):
            text = f"only {count} of {real} there" if count else "no cell counts"
            return Equation(text)
        if count > MOST_VALUES:
            return Equation(f"{self.op.name} of {count} values")
        if self.op.equation is None:
            return listed(window, self.op.name)
        return self.op.equation(window, self.plan.request.op_params)


def _product(weights: list[Mapping[int, Any]]) -> Iterator[tuple[Any, ...]]:
    return itertools.product(*(along.values() for along in weights))


@dataclass(frozen=True, eq=False)
class Unpooling:
    """Tells values that go back to one cell each; ``targets`` are flat positions, or −1."""

    windows: tuple[Windows, ...]
    cells: Array
    values: Array
    targets: NDArray[np.int64]
    placed: bool
    """Whether the windows that the values came from are known."""

    def results(self, first: Position, stop: Position) -> Array:
        return self.values[tuple(map(slice, first, stop))]

    def missing(self, cells: Array) -> NDArray[np.bool_]:
        return np.zeros(cells.shape, bool)

    def step(self, at: Position) -> Step:
        target, value = int(self.targets[at]), self.values[at]
        goes = None
        if target >= 0:
            goes = tuple(map(int, np.unravel_index(target, self.cells.shape)))
        along: tuple[tuple[int, ...], ...] = tuple((i,) for i in goes or ())
        if self.placed or goes is None:
            along = tuple(tuple(w.cells(i)) for w, i in zip(self.windows, at, strict=True))
        values = self.cells[np.ix_(*along)].reshape(-1)
        where = "goes nowhere" if goes is None else f"goes to [{','.join(map(str, goes))}]"
        return Step(
            at=at,
            output_at=at,
            hue=hue_of(at),
            along=along,
            values=values,
            counts=np.ones(len(values), bool),
            winner=goes,
            result=value,
            text=f"{number_text(value)[0]} {where}",
        )


def _binomial(w: Windows, i: int, *, mirrors: bool) -> dict[int, int]:
    """The cells of a window along one axis, each with its binomial weight."""
    weights: dict[int, int] = {}
    size = w.size(i)
    for m, cell in enumerate(range(w.starts[i], w.end(i), w.dilation)):
        if mirrors:
            cell = int(mirror(np.array(cell), w.n))
        if 0 <= cell < w.n:
            # Few windows are told in words, and only their weights are ever looked at.
            weight = math.comb(size - 1, m) if size <= MOST_VALUES else 1
            weights[cell] = weights.get(cell, 0) + weight
    return dict(sorted(weights.items()))


def _with_result(equation: Equation, window: WindowValues) -> str:
    """Both sides; ≈ where a number is rounded, be it by the result's own type."""
    if equation.complete:
        return equation.text
    write = Numbers()
    right = write(window.result)
    rounded = equation.rounded or write.rounded or _is_half_precise(window)
    return f"{equation.text} {'≈' if rounded else '='} {right}"


def _is_half_precise(window: WindowValues) -> bool:
    """Whether a float16 result is most likely a rounded one although it is short: 0.3333."""
    result = window.result
    if not isinstance(result, np.float16) or not np.isfinite(result):
        return False
    return float(str(result)) != float(result) and not (window.values == result).any()


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b))
