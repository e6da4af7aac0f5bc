"""What is done to arrays that stand beside those that are meant: nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poolcli.engine.arrays import Readable, Writable, read_whole, write_whole
from poolcli.engine.blocks import Memory
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from poolcli.engine.blocks import Progress
    from poolcli.families import JsonObject

_NOTE = (
    "arrays of 0 or 1 axes beside larger ones go on as they are; `arrays` chooses others, and"
    " `layout='W'` pools those of 1 axis"
)


@dataclass(frozen=True)
class UnchangedPlan:
    """The plan for an array that goes on as it is, with what other plans tell of theirs."""

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    layout: str = ""
    output_layout: str = ""
    warning: str | None = None
    nodata: float | None = None
    notes: tuple[str, ...] = (_NOTE,)

    single = None
    coarser = ()
    index_convention = "tensor"

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.input_shape

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.input_dtype

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that are lost, by axis name: none."""
        return {}

    @property
    def grids(self) -> dict[str, Any]:
        """The grid of the result over the input's cells: there is none."""
        return {}

    @property
    def keepdims_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self.input_shape

    def memory(self, read: Sequence[int] | None, written: Sequence[int] | None) -> Memory:
        """Nothing is said of it: all is in memory."""
        return Memory(0)

    def describe(self, times: str = "x") -> str:
        """Say what is done."""
        return "goes on as it is"

    def as_json(self) -> JsonObject:
        """A record's ``op`` and ``windows``: there are none."""
        return {"op": None, "windows": None}

    def run(self, x: Readable, *, progress: Progress | None = None) -> NDArray[Any]:
        """Give ``x`` itself."""
        return read_whole(x)

    def run_into(self, x: Readable, out: Writable, *, progress: Progress | None = None) -> None:
        """Store ``x``."""
        write_whole(out, read_whole(x))

    def winners(self, x: Readable) -> NDArray[np.int64]:
        """Raise UsageError: nothing is picked."""
        raise UsageError("an array that goes on as it is has no indices")
