"""What an op asks of the engine: how the cells of one window become one number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.fold import Combine, State

# The number of cells that divide a sum: one number when all windows are alike, else an array that
# broadcasts to the block's output.
Counts = int | float | Array


@dataclass(frozen=True)
class Fold:
    """An op as prepare → combine → finish.

    ``load`` turns cells into a state (None: the cells are the state), ``combine`` is associative
    up to rounding with ``identity`` as its neutral state, and ``finish`` turns the folded state
    into results (None: its only part is the result). ``result`` is the dtype of the results.

    ``rescue`` is an alternative for windows whose result is not finite although it could be: the
    engine runs a block again with it and takes over what is not finite, and nothing else.
    """

    result: np.dtype[Any]
    parts: tuple[np.dtype[Any], ...]
    identity: tuple[Any, ...]
    combine: Combine
    load: Callable[[Array, State], None] | None = None
    finish: Callable[[State, Counts, Array], None] | None = None
    rescue: Fold | None = None


@dataclass(frozen=True)
class Cells:
    """What an op may know of the windows before any value is seen."""

    dtype: np.dtype[Any]
    """Of the cells, in native byte order."""
    most: int
    """The most cells in one window."""
    levels: int
    """The height of a window's tree: how many roundings one value can pass through."""
    target: np.dtype[Any] | None
    """The dtype that is wanted for the results, None for the op's own choice."""
    rounds: bool
    """Whether a real-valued result may be rounded (half to even) into an integer target."""


def ufunc_combine(ufunc: np.ufunc) -> Combine:
    """A combine of one-part states through an associative ufunc."""

    def combine(a: State, b: State, out: State) -> None:
        ufunc(a[0], b[0], out=out[0])

    return combine
