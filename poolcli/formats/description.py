"""What is said of an array besides its numbers: by the file that it is read from, for a new one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli.formats.settings import DEFAULT_PACKING, Packing

if TYPE_CHECKING:
    from poolcli.formats.base import Source
    from poolcli.formats.metadata import Metadata
    from poolcli.windows import Grid

NAMING_MISSING = ("_FillValue", "missing_value")
"""Attributes that name the value of cells that are missing."""


class Spacing(NamedTuple):
    """Where the cells of an axis lie: ``step`` apart, the middle of the first at ``origin``."""

    step: float = 1.0
    origin: float = 0.0
    unit: str | None = None


class Description(NamedTuple):
    """What a file says of an array besides its numbers.

    names: of the axes, None for one that has none; empty where none has
    attributes: by name, in values that JSON can hold
    scales: by the name of an axis, an array of one axis that says where its cells lie
    spacings: by the letter of an axis, where its cells lie, if they do so at even steps
    storage: how it is stored, known to its own format, which writes results alike
    shards: the shape of what its format writes at once, where that is more than a chunk
    """

    names: tuple[str | None, ...] = ()
    attributes: Mapping[str, Any] = MappingProxyType({})
    scales: Mapping[str, Source] = MappingProxyType({})
    spacings: Mapping[str, Spacing] = MappingProxyType({})
    storage: Any = None
    shards: tuple[int, ...] | None = None

    @property
    def what(self) -> tuple[str, ...]:
        """What there is that not every format has a place for."""
        axes = ", ".join(str(name) for name in self.names)
        names = ", ".join(name for name in self.attributes if name not in NAMING_MISSING)
        names = names if len(names) <= _MOST_SAID else f"{names[: _MOST_SAID - 1]}…"
        return (
            *([f"the names of its axes ({axes})"] if self.names else []),
            *([f"its attributes ({names})"] if names else []),
        )


_MOST_SAID = 60  # characters of the names of attributes
NOTHING_SAID = Description()


class Overview(NamedTuple):
    """A coarser level of a new array: its shape, and its grid over the array by axis letter."""

    shape: tuple[int, ...]
    grids: Mapping[str, Grid]


class Pyramid(NamedTuple):
    """The overviews that go with a new array: of its dtype, from the finest.

    op, parameters: how they are pooled, as people would type it
    """

    op: str
    parameters: Mapping[str, Any]
    levels: tuple[Overview, ...]


class NewArray(NamedTuple):
    """What is to be written box by box.

    label: what errors begin with
    extension: the one that it is written with
    shape, dtype: of the array; ``box_shape`` is ``shape`` with the axes of length 1 that boxes keep
    layout: the letters of its axes, where they are known
    metadata: what else to write of a picture; packing: how it is packed
    chunks: those of the array that it is made of, along axes that are not changed; None where that
        has none. Axes that are pooled over may be shorter here.
    description: what else to write of it, and how that array is stored
    pyramid: its overviews, where it has any
    """

    label: str
    extension: str
    shape: tuple[int, ...]
    box_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None = None
    metadata: Metadata | None = None
    packing: Packing = DEFAULT_PACKING
    chunks: tuple[int, ...] | None = None
    description: Description = NOTHING_SAID
    pyramid: Pyramid | None = None

    @property
    def nbytes(self) -> int:
        """The memory that it would take."""
        return math.prod(self.shape) * self.dtype.itemsize
