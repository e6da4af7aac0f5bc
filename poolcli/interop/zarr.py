"""Arrays of Zarr, which are read whole."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import InputError
from poolcli.interop.doors import Door


class ZarrDoor(Door):
    """Results are Zarr arrays in memory, which their owner may save."""

    def names(self, x: Any) -> Sequence[Hashable]:
        """None. Raises InputError for a group."""
        if not hasattr(x, "shape"):
            raise InputError(f"x is a Zarr {type(x).__name__.lower()}; hand over one of its arrays")
        return ()

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """All cells."""
        return np.asarray(x[...])

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """A Zarr array in memory, with chunks as the input has them, where results are so long."""
        import zarr

        given = getattr(x, "chunks", values.shape)
        chunks = values.shape
        if len(given) == values.ndim:
            chunks = tuple(max(1, min(a, b)) for a, b in zip(given, values.shape, strict=True))
        made = zarr.create_array(
            store=zarr.storage.MemoryStore(),
            shape=values.shape,
            dtype=values.dtype.newbyteorder("="),
            chunks=chunks,
            zarr_format=x.metadata.zarr_format,
        )
        made[...] = values
        return made


DOOR = ZarrDoor()
