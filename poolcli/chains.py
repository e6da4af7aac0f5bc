"""Chains: several poolings one after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from poolcli.engine.arrays import Readable, Writable, read_whole, write_whole
from poolcli.engine.blocks import Memory
from poolcli.errors import InputError, PoolError, UsageError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from poolcli.engine.blocks import Progress
    from poolcli.families import JsonObject
    from poolcli.joined import JoinedPlan
    from poolcli.plan import Plan
    from poolcli.request import Request
    from poolcli.windows import Grid


@dataclass(frozen=True)
class Stage:
    """One stage: ``text`` as it was written, ``number`` counted from 1."""

    number: int
    text: str
    request: Request

    @property
    def keeps_axes(self) -> bool:
        """Whether there are spatial axes left for a stage after it."""
        return self.request.keepdims

    @property
    def name(self) -> str:
        """What messages call it: ``stage 2 "avg 2"``."""
        return f'stage {self.number} "{self.text}"'

    def plan(self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None) -> StagePlan:
        """What this stage does to an array; errors say which stage is meant."""
        with naming(self.name):
            return StagePlan(self, self.request.plan(shape, dtype, layout))


@dataclass(frozen=True)
class StagePlan:
    """What one stage does to arrays of one shape and dtype."""

    stage: Stage
    plan: Plan | JoinedPlan

    weights: ClassVar[int] = 0
    multiply_adds: ClassVar[int] = 0

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Pool ``x``; errors say which stage is meant."""
        with naming(self.stage.name):
            return self.plan.run(x)


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
    dtype: DTypeLike | None = None
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
        return self.stages[0].request.like

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the input."""
        return self.stages[0].request.nodata

    @property
    def fills_files(self) -> bool:
        """Whether there is no place for another result beside it: there is."""
        return False

    def with_nodata(self, nodata: float) -> Chain:
        """Ask the same with this value missing, where none was said to be."""
        return self._with_requests([s.request.with_nodata(nodata) for s in self.stages])

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Chain:
        """Ask the same, with the last stage's results stored in this way."""
        return replace(self, dtype=dtype, fit=fit)

    def with_threads(self, threads: int) -> Chain:
        """Ask the same of so many threads, where no number was asked for."""
        return self._with_requests([s.request.with_threads(threads) for s in self.stages])

    def _with_requests(self, requests: Sequence[Request]) -> Chain:
        stages = (replace(s, request=r) for s, r in zip(self.stages, requests, strict=True))
        return replace(self, stages=tuple(stages))

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
            staged = stage.plan(shape, dtype, chosen)
            yield staged
            plan = staged.plan
            shape, dtype, chosen = plan.output_shape, plan.output_dtype, plan.output_layout

    def _stages_to_storage(self) -> tuple[Stage, ...]:
        """The stages, of which the last one stores its results as asked."""
        *others, last = self.stages
        return (*others, replace(last, request=last.request.with_results(self.dtype, self.fit)))


@dataclass(frozen=True)
class ChainPlan:
    """What a chain does to arrays of one shape and dtype."""

    chain: Chain
    stages: tuple[StagePlan, ...]

    single = None
    coarser = ()

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        return self.stages[0].plan.layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.stages[0].plan.input_shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype of the input."""
        return self.stages[0].plan.input_dtype

    @property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""
        return self.stages[-1].plan.output_layout

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.stages[-1].plan.output_shape

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.stages[-1].plan.output_dtype

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells, by axis letter."""
        first, *rest = (staged.plan.grids for staged in self.stages)
        for grids in rest:
            first = {letter: grid.over(first[letter]) for letter, grid in grids.items()}
        return first

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""
        return self.stages[-1].plan.nodata

    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the result: boxes of it have no other axes."""
        return self.output_shape

    @property
    def index_convention(self) -> str:
        """What positions would count."""
        return self.stages[-1].plan.index_convention

    def memory(self, read: Sequence[int] | None, written: Sequence[int] | None) -> Memory:
        """Nothing is said of it: all is in memory."""
        return Memory(0)

    def describe(self, times: str = "x") -> str:
        """Say the chain as it could be written."""
        return self.chain.text

    def as_json(self) -> JsonObject:
        """A record's ``op`` and its ``stages`` with what comes out of each."""
        stages = [
            {
                "stage": staged.stage.text,
                "output": {
                    "shape": list(staged.plan.output_shape),
                    "dtype": staged.plan.output_dtype.name,
                    "layout": staged.plan.output_layout,
                },
            }
            for staged in self.stages
        ]
        return {"op": "chain", "stages": stages}

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by stage and axis name, where there are any."""
        return {
            f"{axis} in stage {staged.stage.number}": cells
            for staged in self.stages
            for axis, cells in staged.plan.dropped.items()
        }

    @property
    def warning(self) -> str | None:
        """Why the layout of the input, which nobody said, may be the wrong one."""
        return self.stages[0].plan.warning

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Pool ``x`` stage by stage."""
        array = read_whole(x)
        if array.shape != self.input_shape or array.dtype != self.input_dtype:
            raise InputError(
                f"planned for {self.input_shape} {self.input_dtype}, "
                f"got {array.shape} {array.dtype}"
            )
        for stage in self.stages:
            array = stage.run(array)
        return array

    def run_into(self, x: Readable, out: Writable, *, progress: Progress | None = None) -> None:
        """Pool ``x`` into ``out``."""
        write_whole(out, self.run(x, progress=progress))

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """Raise UsageError: a stage's positions are in what the stage before gave."""
        raise UsageError("a chain has no indices: they would count the cells of a stage before")
