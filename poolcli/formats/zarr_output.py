"""New Zarr stores, written chunk by chunk: as their input is stored, if that is Zarr, too."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from poolcli.engine.arrays import Box, write_whole
from poolcli.errors import InputError, OutputError
from poolcli.formats.base import Source
from poolcli.formats.description import NewArray
from poolcli.formats.guard import one_line, writing
from poolcli.formats.table import ZARR_NODES
from poolcli.formats.zarr_storage import NAMES_2, NEWEST, Storage, library, new_store

# Chunks where the input has none: of about so many bytes, and so many cells along spatial axes.
_CHUNK_BYTES = 1 << 22
_SIDES = {1: 1 << 20, 2: 1024, 3: 128}


class ZarrOutput:
    """A new array that is written in boxes of whole chunks, or shards; by several threads at once.

    ``folder`` is that of the store, and ``name`` the array's in it; none where it is the store.
    ``is_begun``: another process has made it, and shares the writing.
    """

    def __init__(
        self,
        folder: str,
        new: NewArray,
        name: str | None = None,
        version: int | None = None,
        *,
        is_begun: bool = False,
    ) -> None:
        self._label = new.label
        self.shape, self.dtype = new.box_shape, new.dtype
        self._kept = _kept_axes(new)
        chunks = chunks_for(new)
        # The library cannot write a single number that is in a shard.
        kept_shards = new.description.shards if new.shape else None
        shards = shards_for(kept_shards, chunks, new.box_shape)
        self.chunks: tuple[int, ...] | None = shards or chunks
        self._store = new_store(folder)
        if is_begun:
            self._array = library().open_array(self._store, mode="r+")
            return
        storage = new.description.storage
        options: dict[str, Any] = {"zarr_format": version or NEWEST}
        if isinstance(storage, Storage) and version in (None, storage.version):
            options = storage.options(new)
        attributes, names = dict(new.description.attributes), new.description.names
        if names and options["zarr_format"] == NEWEST:
            options["dimension_names"] = names
        elif names:
            attributes[NAMES_2] = [name or f"axis_{i}" for i, name in enumerate(names)]
        self._array = library().create_array(
            self._store,
            name=name,
            shape=new.shape,
            dtype=new.dtype,
            chunks=self._without(chunks),
            shards=None if shards is None else self._without(shards),
            attributes=attributes,
            **options,
        )

    def write_box(self, box: Box, values: np.ndarray[Any, Any]) -> None:
        """Store ``values``, of the box's shape and this dtype; a box has whole chunks."""
        part = self._without(tuple(slice(*side) for side in box))
        shape = self._without(values.shape)
        with writing(self._label):
            try:
                self._array[part] = values.reshape(shape)
            except BaseException:
                self._store.stop()
                raise

    def complete(self) -> None:
        """Nothing is left to do."""

    def _without(self, sides: Sequence[Any]) -> tuple[Any, ...]:
        """Leave out the axes that boxes have and the array has not."""
        return tuple(side for side, kept in zip(sides, self._kept, strict=True) if kept)


def join_output(folder: str, new: NewArray) -> ZarrOutput:
    """Write boxes into a store that another process has begun: it is one array."""
    return ZarrOutput(folder, new, is_begun=True)


class ZarrGroup:
    """A new group of arrays, each of which is written by itself."""

    def __init__(
        self, folder: str, members: Mapping[str, NewArray], attributes: Mapping[str, Any]
    ) -> None:
        for name in members:
            check_name(name, members)
        storages = [new.description.storage for new in members.values()]
        versions = {one.version for one in storages if isinstance(one, Storage)}
        self._version = NEWEST if NEWEST in versions or not versions else min(versions)
        self._folder, self._members = folder, members
        zarr = library()
        self._group = zarr.create_group(
            zarr.storage.LocalStore(folder), zarr_format=self._version, attributes=dict(attributes)
        )

    def member(self, name: str) -> ZarrOutput:
        """Give the array of this name, to be written."""
        *groups, _ = name.split("/")
        for count in range(len(groups)):
            self._group.require_group("/".join(groups[: count + 1]))
        new = self._members[name]
        return ZarrOutput(self._folder, new, name, self._version)

    def finish(self, names: Collection[str]) -> None:
        """Remove what has failed; of version 2, gather the metadata, as its readers expect."""
        for name in set(self._members) - set(names):
            shutil.rmtree(os.path.join(self._folder, *name.split("/")), ignore_errors=True)
        for name in names:
            group = name.rpartition("/")[0]
            for axis, scale in self._members[name].description.scales.items():
                self._write_scale(f"{group}/{axis}" if group else axis, axis, scale)
        if self._version != NEWEST:
            library().consolidate_metadata(self._group.store, zarr_format=self._version)

    def _write_scale(self, name: str, axis: str, scale: Source) -> None:
        """Write where cells lie, once for all arrays that are in the same group."""
        if name in self._members or name in self._group:
            return
        description = scale.info.description._replace(names=(axis,), storage=None, shards=None)
        try:
            shape, array = scale.shape, scale.array
        except InputError:
            return  # nothing of the results is wrong
        new = NewArray(self._folder, ".zarr", shape, shape, array.dtype, description=description)
        write_whole(ZarrOutput(self._folder, new, name, self._version), array)


def pack(folder: str, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write a group of arrays that are in memory."""
    members = {
        name: NewArray(folder, ".zarr", array.shape, array.shape, array.dtype)
        for name, array in arrays.items()
    }
    group = ZarrGroup(folder, members, attributes)
    for name, array in arrays.items():
        write_whole(group.member(name), array)
    group.finish(members)


def check_name(name: str, others: Collection[str]) -> None:
    """Refuse what cannot be the name of an array of a store, or only of a group.

    Raises OutputError.
    """
    parts = name.split("/")
    for part in parts:
        wrong = part in ("", ".", "..", *ZARR_NODES) or part.startswith("__") or "\0" in part
        if wrong or len(os.fsencode(part)) > 255 or os.sep in part:
            raise OutputError(f"an array of Zarr cannot be called {one_line(name)[:60]!r}")
    for count in range(1, len(parts)):
        if "/".join(parts[:count]) in others:
            above = "/".join(parts[:count])
            raise OutputError(f"{above} would be an array and a group, which has {name}")


def _kept_axes(new: NewArray) -> list[bool]:
    """Which axes of boxes the array has: of those of length 1 any may be the one that went."""
    kept, left = [], list(new.shape)
    for n in new.box_shape:
        kept.append(bool(left) and left[0] == n)
        if kept[-1]:
            left.pop(0)
    return kept


def chunks_for(new: NewArray) -> tuple[int, ...]:
    """The shape of chunks, along the axes of boxes: as the input's where it has any.

    >>> chunks_for(NewArray("x", ".zarr", (8, 4096, 4096), (8, 4096, 4096), np.dtype("u1"), "CHW"))
    (1, 1024, 1024)
    """
    shape = new.box_shape
    if new.chunks is not None and len(new.chunks) == len(shape):
        return tuple(max(1, min(n, most)) for n, most in zip(shape, new.chunks, strict=True))
    layout = new.layout if new.layout and len(new.layout) == len(shape) else "W" * len(shape)
    spatial = [axis for axis, letter in enumerate(layout) if letter in "DHW"]
    chunks = list(shape)
    for axis in range(len(shape)):
        if axis in spatial:
            chunks[axis] = min(shape[axis], _SIDES.get(len(spatial), 64))
        elif axis < max(spatial, default=0):
            chunks[axis] = 1
    while math.prod(chunks) * new.dtype.itemsize > _CHUNK_BYTES and max(chunks) > 1:
        axis = max(range(len(chunks)), key=lambda axis: chunks[axis])
        chunks[axis] = -(-chunks[axis] // 2)
    return tuple(max(1, n) for n in chunks)


def shards_for(
    shards: tuple[int, ...] | None, chunks: tuple[int, ...], shape: tuple[int, ...]
) -> tuple[int, ...] | None:
    """The shape of shards, which are made of whole chunks and reach no farther than they must.

    >>> shards_for((64, 64), (16, 16), (40, 100))
    (48, 64)
    """
    if shards is None or len(shards) != len(chunks):
        return None
    return tuple(
        -(-min(most, n) // chunk) * chunk if n else chunk
        for most, chunk, n in zip(shards, chunks, shape, strict=True)
    )
