"""Several poolings of one array, whose results are joined in one axis: spatial pyramid pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.engine.arrays import Readable, Writable, read_whole, write_whole
from poolcli.engine.blocks import Memory
from poolcli.errors import UsageError
from poolcli.layout import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.engine.blocks import Progress
    from poolcli.families import JsonObject
    from poolcli.plan import Plan
    from poolcli.request import Request
    from poolcli.windows import Grid


@dataclass(frozen=True)
class JoinedPlan:
    """What a request of several parts does to arrays of one shape and dtype: a plan for each."""

    request: Request
    parts: tuple[Plan, ...]

    single = None
    coarser = ()

    @property
    def layout(self) -> str:
        """The axis letters of the input."""
        return self.parts[0].layout

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the input."""
        return self.parts[0].input_shape

    @property
    def input_dtype(self) -> np.dtype[Any]:
        """The dtype of the input."""
        return self.parts[0].input_dtype

    @property
    def output_layout(self) -> str:
        """The axis letters of the result: one spatial axis, W, where the first one was."""
        letters = Layout(self.layout).spatial_letters
        kept = "".join(letter for letter in self.layout if letter not in letters[1:])
        return kept.replace(letters[0], "W")

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        cells = sum(math.prod(w.out for w in part.windows) for part in self.parts)
        lengths = dict(zip(self.layout, self.input_shape, strict=True)) | {"W": cells}
        return tuple(lengths[letter] for letter in self.output_layout)

    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the result, which has no other axes."""
        return self.output_shape

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.parts[0].output_dtype

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window of any part covers, by axis name, where there are any."""
        first, *rest = (part.dropped for part in self.parts)
        everywhere = [axis for axis in first if all(axis in dropped for dropped in rest)]
        return {axis: min(d[axis] for d in (first, *rest)) for axis in everywhere}

    @property
    def warning(self) -> str | None:
        """Why the layout, which nobody said, may be the wrong one."""
        return self.parts[0].warning

    @property
    def grids(self) -> dict[str, Grid]:
        """The grid of the result over the input's cells: none, as parts stand side by side."""
        return {}

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""
        return self.request.nodata

    @property
    def index_convention(self) -> str:
        """What positions count."""
        return self.request.index_convention

    def memory(self, read: Sequence[int] | None, written: Sequence[int] | None) -> Memory:
        """Nothing is said of it: all is in memory."""
        return Memory(0)

    def describe(self, times: str = "x") -> str:
        """Say the op and its windows as they were asked for."""
        return self.request.describe([part.windows for part in self.parts], times)

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``."""
        return self.request.as_json([part.windows for part in self.parts])

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Pool ``x`` by every part and join the results."""
        array = read_whole(x)
        return join_parts([part.run(array) for part in self.parts], Layout(self.layout))

    def run_into(self, x: Readable, out: Writable, *, progress: Progress | None = None) -> None:
        """Pool ``x`` into ``out``."""
        write_whole(out, self.run(x, progress=progress))

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """Raise UsageError: a cell may win in several parts."""
        raise UsageError(f"{self.describe()} has no indices: a cell may win at every level")


def join_parts(parts: Sequence[NDArray[Any]], axes: Layout) -> NDArray[Any]:
    """Join arrays that differ in their spatial axes only.

    The cells of each, in C order, and one array after another stand in one axis, where the first
    spatial axis was.

    >>> join_parts([np.ones((3, 1, 1)), np.ones((3, 2, 2))], Layout("CHW")).shape
    (3, 5)
    """
    first, count = axes.spatial[0], len(axes.spatial)
    flat = []
    for part in parts:
        together = np.moveaxis(part, axes.spatial, range(first, first + count))
        shape = together.shape
        cells = math.prod(shape[first : first + count])
        flat.append(together.reshape(*shape[:first], cells, *shape[first + count :]))
    return np.concatenate(flat, axis=first)
