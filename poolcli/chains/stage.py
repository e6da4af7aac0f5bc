"""One stage of a chain: a pooling, or the poolings of a pyramid whose results are joined."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import PoolError
from poolcli.layout import Layout
from poolcli.plan import Plan, Request
from poolcli.pyramid import join_levels
from poolcli.windows import Grid


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
