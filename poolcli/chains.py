"""Chains: several poolings one after another, and a pyramid's levels joined in one stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from poolcli.errors import InputError, PoolError, UsageError
from poolcli.layout import Layout
from poolcli.plan import Plan, Request
from poolcli.windows import Adaptive, Grid

MOST_LEVELS = 1000


def check_levels(count: int) -> None:
    """Refuse no level, and more than anybody means. Raises UsageError."""
    if not count:
        raise UsageError("levels: give at least one, such as 1,2,4")
    if count > MOST_LEVELS:
        raise UsageError(f"levels: {count} are given; at most {MOST_LEVELS} are taken")


@dataclass(frozen=True)
class Pyramid:
    """Pyramid pooling as asked for, before any array is seen.

    ``request`` is what is done at each level, where its geometry becomes that of the level: as
    many cells per spatial axis as the level says. ``dtype`` and ``fit`` say how the results are
    stored, as in a Request.
    """

    request: Request
    levels: tuple[int | tuple[int, ...], ...]
    dtype: DTypeLike | None = None
    fit: str = "exact"

    def __post_init__(self) -> None:
        check_levels(len(self.levels))

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> PyramidPlan:
        """What pooling an array of this shape and dtype will do; see :meth:`Request.plan`."""
        requests = (
            replace(self.request, geometry=Adaptive(level), dtype=self.dtype, fit=self.fit)
            for level in self.levels
        )
        return PyramidPlan(self, tuple(r.plan(shape, dtype, layout) for r in requests))


@dataclass(frozen=True)
class PyramidPlan:
    """What pyramid pooling does to arrays of one shape and dtype: a plan for each level."""

    request: Pyramid
    levels: tuple[Plan, ...]

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        return self.levels[0].layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.levels[0].input_shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype of the input."""
        return self.levels[0].input_dtype

    @property
    def output_layout(self) -> str:
        """The axis letters of the result: one spatial axis, W, where the first one was."""
        letters = Layout(self.layout).spatial_letters
        kept = "".join(letter for letter in self.layout if letter not in letters[1:])
        return kept.replace(letters[0], "W")

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        cells = sum(math.prod(w.out for w in level.windows) for level in self.levels)
        lengths = dict(zip(self.layout, self.input_shape, strict=True)) | {"W": cells}
        return tuple(lengths[letter] for letter in self.output_layout)

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.levels[0].output_dtype

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells: none, where levels stand side by side."""
        return {}

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""
        return self.request.request.nodata

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers: none, by the definition of adaptive windows."""
        return {}

    @property
    def warning(self) -> str | None:
        """Why the layout, which nobody said, may be the wrong one."""
        return self.levels[0].warning

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Pool ``x`` at every level and join the results."""
        return join_levels([level.run(x) for level in self.levels], Layout(self.layout))


def join_levels(levels: Sequence[NDArray[Any]], axes: Layout) -> NDArray[Any]:
    """Join arrays that differ in their spatial axes only.

    The cells of each level, in C order, and the levels one after another stand in one axis, where
    the first spatial axis was. Raises UsageError where there is no level, or far too many.

    >>> join_levels([np.ones((3, 1, 1)), np.ones((3, 2, 2))], Layout("CHW")).shape
    (3, 5)
    """
    check_levels(len(levels))
    first, count = axes.spatial[0], len(axes.spatial)
    flat = []
    for level in levels:
        together = np.moveaxis(level, axes.spatial, range(first, first + count))
        shape = together.shape
        cells = math.prod(shape[first : first + count])  # -1 could be anything where none is left
        flat.append(together.reshape(*shape[:first], cells, *shape[first + count :]))
    return np.concatenate(flat, axis=first)


@dataclass(frozen=True)
class Stage:
    """One stage: ``text`` as it was written, ``number`` counted from 1.

    There is one request, or with ``joins`` one for each level of a pyramid.
    """

    number: int
    text: str
    requests: tuple[Request, ...]
    joins: bool = False

    @property
    def name(self) -> str:
        """What messages call it: ``stage 2 "avg 2"``."""
        return f'stage {self.number} "{self.text}"'

    @property
    def keeps_axes(self) -> bool:
        """Whether there are spatial axes left for a stage after it."""
        return all(request.keepdims for request in self.requests)

    def plan(self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None) -> StagePlan:
        """What this stage does to an array; errors say which stage is meant."""
        with naming(self.name):
            plans = tuple(request.plan(shape, dtype, layout) for request in self.requests)
        return StagePlan(self, plans)


@dataclass(frozen=True)
class StagePlan:
    """What one stage does to arrays of one shape and dtype."""

    stage: Stage
    plans: tuple[Plan, ...]
    weights: ClassVar[int] = 0
    multiply_adds: ClassVar[int] = 0

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of what goes in."""
        return self.plans[0].input_shape

    @property
    def layout(self) -> str:
        """The axis letters of what goes in."""
        return self.plans[0].layout

    @property
    def output_layout(self) -> str:
        """The axis letters of the result: a pyramid has one spatial axis, W."""
        if not self.stage.joins:
            return self.plans[0].output_layout
        spatial = Layout(self.layout).spatial_letters
        letters = "".join(letter for letter in self.layout if letter not in spatial[1:])
        return letters.replace(spatial[0], "W")

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        if not self.stage.joins:
            return self.plans[0].output_shape
        cells = sum(math.prod(w.out for w in plan.windows) for plan in self.plans)
        sizes = dict(zip(self.layout, self.input_shape, strict=True)) | {"W": cells}
        return tuple(sizes[letter] for letter in self.output_layout)

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.plans[0].output_dtype

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the cells of what goes in, by axis letter."""
        return {} if self.stage.joins else self.plans[0].grids

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by axis name, where there are any."""
        return self.plans[0].dropped

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Pool ``x``; errors say which stage is meant."""
        with naming(self.stage.name):
            results = [plan.run(x) for plan in self.plans]
        return join_levels(results, Layout(self.layout)) if self.stage.joins else results[0]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put ``name`` before the message of an error, and leave its kind as it is."""
    try:
        yield
    except PoolError as error:
        raise type(error)(f"{name}: {error}") from error


@dataclass(frozen=True)
class Chain:
    """Stages as asked for, before any array is seen.

    ``layout`` is that of the input; each stage hands the layout of its result to the next.
    ``dtype`` and ``fit`` say how the last stage's results are stored, as in a Request.

    Raises UsageError where a stage leaves no spatial axes to the one after it.
    """

    stages: tuple[Stage, ...]
    layout: str | None = None
    dtype: str | np.dtype[Any] | None = None
    fit: str = "exact"

    def __post_init__(self) -> None:
        for before, stage in zip(self.stages, self.stages[1:], strict=False):
            if not before.keeps_axes:
                raise UsageError(
                    f"{stage.name}: {before.name} leaves no positions to pool; it must be the "
                    f'last one, or "{before.text} keep"'
                )

    @property
    def like(self) -> str | None:
        """The framework whose defaults fill in what the stages leave open."""
        return self.stages[0].requests[0].like

    @property
    def text(self) -> str:
        """The chain as it could be written."""
        return " | ".join(stage.text for stage in self.stages)

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> ChainPlan:
        """What the chain will do to an array of this shape and dtype.

        ``layout`` is what the file itself tells; the chain's own layout wins over it. Raises
        UsageError or InputError that names the stage.
        """
        return ChainPlan(self, tuple(self.plans(shape, dtype, layout)))

    def plans(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> Iterator[StagePlan]:
        """Give the stages' plans one by one, as far as the chain can be planned."""
        chosen = layout if self.layout is None else self.layout
        for stage in self._stages_to_storage():
            plan = stage.plan(shape, dtype, chosen)
            yield plan
            shape, dtype, chosen = plan.output_shape, plan.output_dtype, plan.output_layout

    def _stages_to_storage(self) -> tuple[Stage, ...]:
        """The stages, of which the last one stores its results as asked."""
        *others, last = self.stages
        stored = (replace(r, dtype=self.dtype, fit=self.fit) for r in last.requests)
        return (*others, replace(last, requests=tuple(stored)))


@dataclass(frozen=True)
class ChainPlan:
    """What a chain does to arrays of one shape and dtype."""

    chain: Chain
    stages: tuple[StagePlan, ...]

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        return self.stages[0].layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.stages[0].input_shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype of the input."""
        return self.stages[0].plans[0].input_dtype

    @property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""
        return self.stages[-1].output_layout

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.stages[-1].output_shape

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.stages[-1].output_dtype

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells, by axis letter."""
        first, *rest = (stage.grids for stage in self.stages)
        for grids in rest:
            first = {letter: grid.over(first[letter]) for letter, grid in grids.items()}
        return first

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""
        return self.stages[-1].plans[0].nodata

    @property
    def operation(self) -> str:
        """What reports call it: the chain as it could be written."""
        return self.chain.text

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by stage and axis name, where there are any."""
        return {
            f"{axis} in stage {plan.stage.number}": cells
            for plan in self.stages
            for axis, cells in plan.dropped.items()
        }

    @property
    def warning(self) -> str | None:
        """Why the layout of the input, which nobody said, may be the wrong one."""
        return self.stages[0].plans[0].warning

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Pool ``x`` stage by stage."""
        if x.shape != self.input_shape or x.dtype != self.input_dtype:
            raise InputError(
                f"planned for {self.input_shape} {self.input_dtype}, got {x.shape} {x.dtype}"
            )
        for stage in self.stages:
            x = stage.run(x)
        return x
