"""Spatial pyramid pooling: the results of several adaptive poolings in one axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from poolcli.errors import UsageError
from poolcli.geometry import Adaptive
from poolcli.layout import Layout
from poolcli.plan import Plan, Request
from poolcli.windows import Grid

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
