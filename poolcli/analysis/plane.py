"""One plane of an array that need not be in memory: what of it is looked at is read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.engine.arrays import Box, Readable, StoredInput, read_part, shape_of
from poolcli.errors import InputError
from poolcli.layout import AXIS_NAMES, Layout

Array = NDArray[Any]

SMALL_PLANE = 1 << 22
"""Planes of so many cells are read as a whole."""
TILE, MOST_TILES = 64, 64  # cells along an axis that are read at once, and how many such are kept


class StoredPlane:
    """The first plane of a stored array, as an array with all axes that is stored itself."""

    sequential = False

    def __init__(self, stored: StoredInput, axes: Layout) -> None:
        self._stored = stored
        self.axes, self.dtype = stored.axes, stored.dtype
        self.chunks = stored.chunks
        own = [1 if c in "NC" else n for c, n in zip(axes.letters, shape_of(stored), strict=True)]
        self.shape = tuple(own[stored.axes.index(axis)] for axis in range(len(own)))

    def keep(self, nbytes: int) -> None:
        """Tell the array."""
        self._stored.keep(nbytes)

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out``: as of the whole array, whose first plane this is."""
        self._stored.read_box(box, out)

    def finish(self) -> None:
        """Nothing is left to do: all of the array is never read."""


class StoredCells:
    """The cells of a stored plane by its spatial axes, indexed as an array is.

    Cells that are asked for one by one are read in tiles, the last of which are kept.
    """

    def __init__(self, plane: StoredPlane, spatial: tuple[int, ...]) -> None:
        self._plane, self._spatial = plane, spatial
        whole = shape_of(plane)
        self.shape = tuple(whole[axis] for axis in spatial)
        self.ndim, self.size = len(self.shape), math.prod(self.shape)
        self._tiles: dict[tuple[int, ...], Array] = {}

    def __getitem__(self, index: tuple[Any, ...]) -> Any:
        """Return a cell, a range of them along each axis, or those of ``numpy.ix_``."""
        if all(isinstance(i, slice) for i in index):
            ranges = [range(*i.indices(n)) for i, n in zip(index, self.shape, strict=True)]
            return self._read(tuple((r.start, r.stop) for r in ranges))
        if all(isinstance(i, np.ndarray) for i in index):
            low = [int(i.min()) for i in index]
            box = tuple((a, int(i.max()) + 1) for a, i in zip(low, index, strict=True))
            return self._read(box)[tuple(i - a for a, i in zip(low, index, strict=True))]
        return self._tile(tuple(i // TILE for i in index))[tuple(i % TILE for i in index)]

    def _tile(self, number: tuple[int, ...]) -> Array:
        if number not in self._tiles:
            if len(self._tiles) >= MOST_TILES:
                del self._tiles[next(iter(self._tiles))]
            self._tiles[number] = self._read(
                tuple(
                    (i * TILE, min((i + 1) * TILE, n))
                    for i, n in zip(number, self.shape, strict=True)
                )
            )
        return self._tiles[number]

    def _read(self, box: Box) -> Array:
        whole: list[tuple[int, int]] = [(0, 1)] * len(self._plane.axes)
        for axis, part in zip(self._spatial, box, strict=True):
            whole[axis] = part
        return read_part(self._plane, tuple(whole)).reshape([b - a for a, b in box])


Cells = Array | StoredCells


def first_plane(content: Readable, axes: Layout) -> Array | StoredPlane:
    """Return the first plane of an array, with all axes: a large stored one as it is stored.

    Raises InputError where it has none.
    """
    shape = shape_of(content)
    for letter, n in zip(axes.letters, shape, strict=True):
        if n == 0:
            raise InputError(f"{AXIS_NAMES[letter]}: the axis is empty (0 cells): nothing to tell")
    box = tuple((0, 1 if c in "NC" else n) for c, n in zip(axes.letters, shape, strict=True))
    is_small = math.prod(high for _, high in box) <= SMALL_PLANE
    if isinstance(content, np.ndarray) or is_small:
        return read_part(content, box)
    return StoredPlane(content, axes)


def cells_of(plane: Array | StoredPlane, axes: Layout) -> Cells:
    """Return the cells of such a plane by its spatial axes alone."""
    if isinstance(plane, StoredPlane):
        return StoredCells(plane, axes.spatial)
    return plane.reshape([plane.shape[axis] for axis in axes.spatial])
