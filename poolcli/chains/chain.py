"""A chain of stages, and what it does to one array."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.chains.stage import Stage, StagePlan
from poolcli.errors import InputError, UsageError
from poolcli.windows import Grid


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
