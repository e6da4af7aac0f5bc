"""What can be asked of every input, and what is planned for one array: the protocol of both.

A Request, a Chain and an Unpool are operations; who reads, writes and reports knows no more of them
than stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from poolcli.engine.arrays import Readable, Writable
    from poolcli.engine.blocks import Memory, Progress
    from poolcli.families import JsonObject
    from poolcli.plan import Plan
    from poolcli.windows import Grid


class Operation(Protocol):
    """What can be asked of every input: a Request, a Chain, an Unpool. A frozen value."""

    @property
    def dtype(self) -> DTypeLike | None:
        """The dtype to store results in; None for their own."""

    @property
    def fit(self) -> str:
        """How results enter an integer dtype."""

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the input."""

    @property
    def fills_files(self) -> bool:
        """Whether its result is all that there is place for in a file, even in an archive."""

    def with_nodata(self, nodata: float) -> Operation:
        """Ask the same with this value missing, where none was said to be."""

    def with_results(self, dtype: DTypeLike | None, fit: str) -> Operation:
        """Ask the same, with the results stored in this way."""

    def with_threads(self, threads: int) -> Operation:
        """Ask the same of so many threads, where no number was asked for."""

    def plan(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str | None = None
    ) -> OperationPlan:
        """Say what will be done to one array, or why nothing can be. No value is read."""


class OperationPlan(Protocol):
    """What an operation does to arrays of one shape and dtype."""

    @property
    def layout(self) -> str:
        """The axis letters of the input."""

    @property
    def input_shape(self) -> tuple[int, ...]: ...
    @property
    def input_dtype(self) -> np.dtype[Any]: ...
    @property
    def output_layout(self) -> str:
        """The axis letters of the result; empty where one number is left."""

    @property
    def output_shape(self) -> tuple[int, ...]: ...
    @property
    def output_dtype(self) -> np.dtype[Any]: ...
    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the result with all axes kept: boxes of it have these."""

    @property
    def dropped(self) -> Mapping[str, int]:
        """Cells that no window covers, by axis name, where there are any."""

    @property
    def warning(self) -> str | None:
        """Why the layout, which nobody said, may be the wrong one."""

    @property
    def grids(self) -> Mapping[str, Grid]:
        """The grid of the result over the input's cells, by axis letter, where it has one."""

    @property
    def nodata(self) -> float | None:
        """The value that means missing in the result."""

    @property
    def single(self) -> Plan | None:
        """The plan of one op over windows, where there is no more to it; it goes block by block.

        None where results are joined, chained or put back.
        """

    @property
    def coarser(self) -> tuple[Plan, ...]:
        """The plans of overviews, which are written beside the result; none but for these."""

    @property
    def index_convention(self) -> str:
        """What positions count: see ``INDEX_CONVENTIONS``."""

    def memory(self, read: tuple[int, ...] | None, written: tuple[int, ...] | None) -> Memory:
        """About how much memory it takes to go from chunks to chunks; nothing where it cannot.

        ``read`` and ``written`` are the chunks of the input and of what is written, None where any
        box is as good.
        """

    def describe(self, times: str = "x") -> str:
        """Say what is done, as it was asked for: ``max 3x3 stride 2 padding 1``.

        ``times`` stands between the numbers of several axes.
        """

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``, whose numbers stand per spatial axis."""

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Pool ``x`` into a new array."""

    def run_into(self, x: Readable, out: Writable, *, progress: Progress | None = None) -> None:
        """Pool ``x`` into ``out``, whose boxes have all axes (``keepdims_shape``)."""

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """The position of each window's winner. Raises UsageError where there is none."""
