"""What is done to arrays that stand beside those that are meant: nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NOTE = (
    "arrays of 0 or 1 axes beside larger ones go on as they are; --arrays chooses others, and"
    " --layout W pools those of 1 axis"
)


@dataclass(frozen=True)
class KeptPlan:
    """The plan for an array that goes on as it is, with what other plans tell of theirs."""

    input_shape: tuple[int, ...]
    input_dtype: np.dtype[Any]
    layout: str = ""
    output_layout: str = ""
    operation: str = "goes on as it is"
    warning: str | None = None
    nodata: float | None = None
    notes: tuple[str, ...] = (_NOTE,)

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

    def run(self, x: NDArray[Any]) -> NDArray[Any]:
        """Give ``x`` itself."""
        return x
