"""One pooling told window by window: which cells, which arithmetic, which result, which colour.

``explain`` takes what is asked (a ``Request`` or ``Unpool``) and an array, pools the
array's first plane (of the batch and the channels), and gives one :class:`Explanation` for each
grid of windows: one as a rule, one for each level of a pyramid. What draws (a terminal, a GIF, a
page) takes everything from these records:

>>> from poolcli.geometry import Sliding
>>> from poolcli.request import Request
>>> x = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
>>> (explanation,) = explain(Request("max", Sliding(2)), x)
>>> explanation.summary, explanation.shape, explanation.axes[0].text
('the largest value of each window', (2, 2), '⌊(4 − 2) / 2⌋ + 1 = 2')
>>> step = explanation.step((0, 1))
>>> step.cells, step.winner, step.text, step.hue
(((0, 2), (0, 3), (1, 2), (1, 3)), (0, 3), 'max(2, 4, 1, 2) = 4', 1)
>>> [step.text for step in explanation.steps()][2:]
['max(2, 4, 1, 2) = 4', 'max(0, 1, 3, 4) = 4']

``cells`` is the plane that windows stand on and ``results`` the plane with one value for each of
them (pooled when asked for; of large ones ask for a part, ``results_of``); ``unpools`` says that
the one is made of the other the other way round. ``windows`` has the cells of each axis, padding
included (``Windows.starts``, ``size(i)``, ``dilation``), ``disjoint`` tells whether one picture can
show all windows at once, and ``is_dropped(position)`` whether no window covers a cell.
Colours are ``palette.HUES[step.hue]``.

A step is a :class:`~poolcli.analysis.steps.Step`: ``at``, ``output_at``, ``hue``, ``along``,
``cells``, ``values``, ``counts``, ``winner``, ``result``, ``text``, ``probabilities`` and
``expected``. Winners are the engine's own indices and results its own results: nothing is searched
again.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.analysis.output_size import (
    AxisFormula,
    axis_formulas,
    placed_formula,
    unpooled_formula,
)
from poolcli.analysis.plane import Cells, StoredPlane, first_plane
from poolcli.analysis.steps import Array, Pooling, Position, Step, StepMaker, Unpooling
from poolcli.engine.arrays import StoredInput, read_whole, shape_of
from poolcli.engine.mirrored import mirror
from poolcli.errors import InputError
from poolcli.joined import JoinedPlan
from poolcli.layout import AXIS_NAMES, Layout
from poolcli.ops import Op, find_op
from poolcli.plan import Plan
from poolcli.request import Request
from poolcli.unpooling import Unpool, UnpoolPlan, flat_positions
from poolcli.windows import Windows


@dataclass(frozen=True, eq=False)
class Explanation:
    """A grid of windows on one plane, and all that there is to tell of it."""

    plan: Any
    """Of the whole array: its shapes, types and layouts."""
    op: str
    summary: str
    axes: tuple[AxisFormula, ...]
    windows: tuple[Windows, ...]
    cells: Cells
    """The plane that windows stand on, spatial axes only."""
    maker: StepMaker
    planes: Mapping[str, int]
    """How many planes there are, by the names of their axes: ``{"channels": 3}``; told is one."""
    level: tuple[int, int] | None = None
    """Which of how many grids this is, where there are several."""
    first_index: int | None = None
    """Where in the one axis of a pyramid's output the results of this level begin."""
    unpools: bool = False
    mirrors: bool = False
    """Whether padding mirrors the cells inside the edge instead of holding nothing."""

    @property
    def shape(self) -> Position:
        """How many windows there are along each spatial axis."""
        return tuple(w.out for w in self.windows)

    @property
    def size(self) -> int:
        """How many windows there are."""
        return math.prod(self.shape)

    def position_of(self, output_at: Position) -> Position | None:
        """Return which window gives the result at a place of the output; None if no one here does.

        >>> from poolcli.geometry import Sliding
        >>> explain(Request("max", Sliding(2)), np.ones((4, 4)))[0].position_of((2, 0)) is None
        True
        """
        if self.first_index is None:
            return output_at if _is_within(output_at, self.shape) else None
        number = output_at[0] - self.first_index
        if not 0 <= number < self.size:
            return None
        return tuple(map(int, np.unravel_index(number, self.shape)))

    @cached_property
    def results(self) -> Array:
        """One value for each window, spatial axes only."""
        return self.results_of((0,) * len(self.shape), self.shape)

    def results_of(self, first: Position, stop: Position) -> Array:
        """Return the results of the windows ``first .. stop-1`` of each axis alone."""
        return self.maker.results(first, stop)

    @property
    def disjoint(self) -> bool:
        """Whether no two windows share a cell and none has gaps: one picture can show them all."""
        return all(map(_is_disjoint, self.windows))

    def step(self, at: Position) -> Step:
        """Tell one window. ``at`` is within ``shape``."""
        index = at
        if self.first_index is not None:
            index = (self.first_index + int(np.ravel_multi_index(at, self.shape)),)
        return replace(self.maker.step(at), output_at=index)

    def steps(self) -> Iterator[Step]:
        """Tell every window, in C order."""
        return map(self.step, self.positions())

    def positions(self) -> Iterator[Position]:
        """Give the place of every window, in C order."""
        return itertools.product(*(range(n) for n in self.shape))

    def value_at(self, position: Position) -> Any | None:
        """Return the value of a cell; of padding None, or what it mirrors where it does."""
        if self.mirrors:
            position = tuple(
                int(mirror(np.array(i), n)) for i, n in zip(position, self.cells.shape, strict=True)
            )
        return self.cells[position] if _is_within(position, self.cells.shape) else None

    def is_padding(self, position: Position) -> bool:
        """Whether a place lies outside the plane."""
        return not _is_within(position, self.cells.shape)

    def is_dropped(self, position: Position) -> bool:
        """Whether no window covers this cell."""
        return not all(covered[i] for covered, i in zip(self._covered, position, strict=True))

    @cached_property
    def _covered(self) -> tuple[NDArray[np.bool_], ...]:
        return tuple(_covered(w) for w in self.windows)


def _is_within(position: Position, shape: Position) -> bool:
    return all(0 <= i < n for i, n in zip(position, shape, strict=True))


def _is_disjoint(w: Windows) -> bool:
    if w.dilation > 1:
        return False
    if isinstance(w.starts, range) and isinstance(w.sizes, int):
        return w.out == 1 or w.starts.step >= w.sizes
    return all(w.starts[i] >= w.end(i - 1) for i in range(1, w.out))


def _covered(w: Windows) -> NDArray[np.bool_]:
    covered = np.zeros(w.n, bool)
    for i in range(w.out):
        covered[w.cells(i)] = True
    return covered


@singledispatch
def explain(
    asked: Any, content: Array | StoredInput, layout: str | None = None
) -> tuple[Explanation, ...]:
    """Tell what ``asked`` does to the first plane of an array.

    ``asked`` is a Request or an Unpool; ``content`` an array in memory or a stored one,
    of which one plane is read; ``layout`` what its file tells of it. Raises PoolErrors as planning
    and pooling do.
    """
    raise TypeError(f"{type(asked).__name__} cannot be explained")


def can_explain(asked: object) -> bool:
    """Whether there is a way to tell what is asked."""
    return explain.dispatch(type(asked)) is not explain.dispatch(object)


@explain.register
def _(
    asked: Request, content: Array | StoredInput, layout: str | None = None
) -> tuple[Explanation, ...]:
    whole = asked.plan(shape_of(content), content.dtype, layout)
    plane = first_plane(content, Layout(whole.layout))
    found, first = [], 0
    for number, part in enumerate(whole.parts):
        one = _explanation(whole, part, plane)
        if whole.single is None:
            one = replace(one, level=(number, len(whole.parts)), first_index=first)
        found.append(one)
        first += math.prod(one.shape)
    return tuple(found)


def _explanation(whole: Plan | JoinedPlan, plan: Plan, plane: Array | StoredPlane) -> Explanation:
    """Pool one plane and gather what there is to tell; ``whole`` is the plan of all planes."""
    request = replace(plan.request, layout=plan.layout, index="plane", keepdims=True)
    (placement,) = request.geometry.parts
    own = request.plan_part(placement, shape_of(plane), plane.dtype)
    op = find_op(request.op)
    maker = Pooling(op, own, plane, own.kernel.mirrors)
    return Explanation(
        plan=whole,
        op=op.name,
        summary=_summary(op),
        axes=axis_formulas(placement, own.windows, op),
        windows=own.windows,
        cells=maker.cells,
        maker=maker,
        planes=_planes(whole.input_shape, whole.layout),
        mirrors=maker.mirrors,
    )


@explain.register
def _(
    asked: Unpool, content: Array | StoredInput, layout: str | None = None
) -> tuple[Explanation, ...]:
    plan = asked.plan(shape_of(content), content.dtype, layout)
    values = read_whole(content)
    unpooled, indices = plan.run(values), asked.indices.astype(np.int64)
    if values.ndim < len(plan.axes.letters):
        values, indices = (np.expand_dims(x, plan.axes.spatial) for x in (values, indices))
    flat, some = flat_positions(plan.axes, plan.index_convention, indices, plan.output_shape)
    first = tuple(0 if c in "NC" else slice(None) for c in plan.axes.letters)
    cells = _not_empty(unpooled, plan.axes)[first]
    every = np.unravel_index(flat[first], unpooled.shape)
    own = [every[axis] for axis in plan.axes.spatial]
    targets = np.where(some[first], np.ravel_multi_index(own, cells.shape), -1)
    windows = _unpooled_windows(plan, cells.shape, targets.shape)
    return (
        Explanation(
            plan=plan,
            op="unpool",
            summary="each value back at the place that it came from",
            axes=_unpooled_axes(plan, windows),
            windows=windows,
            cells=cells,
            maker=Unpooling(windows, cells, values[first], targets, plan.slides is not None),
            planes=_planes(plan.output_shape, plan.output_layout),
            unpools=True,
        ),
    )


def _unpooled_windows(plan: UnpoolPlan, cells: Position, values: Position) -> tuple[Windows, ...]:
    """The windows that the values came from; where that is not known each may be from anywhere."""
    names = plan.axes.spatial_names
    if plan.slides is None:
        return tuple(
            Windows(name, n, (0,) * out, n)
            for name, n, out in zip(names, cells, values, strict=True)
        )
    return tuple(
        Windows(name, n, range(-before, out * stride - before, stride), size, 1, before, after)
        for name, n, out, size, stride, (before, after) in zip(
            names, cells, values, *plan.slides, strict=True
        )
    )


def _unpooled_axes(plan: UnpoolPlan, windows: tuple[Windows, ...]) -> tuple[AxisFormula, ...]:
    if plan.slides is None:
        return tuple(placed_formula(w.axis, w.out, w.n) for w in windows)
    return tuple(unpooled_formula(w, w.n) for w in windows)


def _summary(op: Op) -> str:
    """``the largest value of each window``."""
    return op.per_window or f"{op.summary.partition(':')[0].partition(',')[0]} of each window"


def _planes(shape: Position, layout: str) -> dict[str, int]:
    names = {"N": "batch", "C": "channels"}
    sizes = zip(layout, shape, strict=True)
    return {names[letter]: n for letter, n in sizes if letter in names and n > 1}


def _not_empty(array: Array, axes: Layout) -> Array:
    """The array, refused where it has no plane."""
    for letter, n in zip(axes.letters, array.shape, strict=True):
        if n == 0:
            raise InputError(f"{AXIS_NAMES[letter]}: the axis is empty (0 cells): nothing to tell")
    return array
