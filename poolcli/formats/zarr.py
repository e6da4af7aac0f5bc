"""Zarr stores of version 2 and 3 in folders, read by zarr-python; metadata is checked before."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli.engine.chunks import ChunkedInput
from poolcli.errors import InputError
from poolcli.formats import attributes as said
from poolcli.formats.archive import ArchiveFile, Member, check_numbers
from poolcli.formats.base import Decoded, Source, SourceInfo
from poolcli.formats.description import Description, Spacing
from poolcli.formats.guard import cause_of, check_memory, explain_error, one_line, size_text
from poolcli.formats.npy_header import MAX_AXES
from poolcli.formats.table import ZARR_NODES
from poolcli.formats.zarr_storage import NAMES_2, NEWEST, Storage, library
from poolcli.formats.zarr_tree import Tree, tree_of
from poolcli.layout import named_layout

if TYPE_CHECKING:
    import zarr

NODE, ARRAY_2, GROUP_2 = ZARR_NODES
ATTRIBUTES_2 = ".zattrs"
_NUMBERS = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
}
_MAX_METADATA = 1 << 24
_DEEPEST, _MOST = 64, 100_000  # groups in groups; arrays and groups that are looked at


class Entry(NamedTuple):
    """An array as it was found, its metadata yet unchecked; or why it could not be read."""

    folder: str
    version: int = 0
    fields: Mapping[str, Any] = MappingProxyType({})
    attributes: Mapping[str, Any] = MappingProxyType({})
    problem: InputError | None = None


class ArrayHeader(NamedTuple):
    """An array whose metadata was checked; ``names`` are those of its axes."""

    array: zarr.Array[Any]
    names: tuple[str | None, ...]
    attributes: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.array.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Its dtype."""
        return self.array.dtype


class Levels(NamedTuple):
    """A picture of OME at several resolutions: their names, the finest first, and the axes'.

    spacings: of the axes of the finest, where they are said
    """

    paths: tuple[str, ...]
    axes: tuple[str | None, ...]
    spacings: tuple[Spacing, ...] = ()


class ZarrStore(ArchiveFile):
    """A store: one array, or a group and what is in it."""

    def entries(self) -> list[tuple[str, Entry]]:
        """Find the arrays, in the order of their names."""
        self._zarr = library()
        self._levels: dict[str, Levels] = {}
        found: list[tuple[str, Entry]] = []
        for name, entry, attributes in _walk(self.opened.label):
            if entry is not None:
                found.append((name, entry))
                continue
            levels = _levels(attributes, f"{name}/" if name else "")
            if levels is not None:
                self._levels[name] = levels
            if not name:
                self.attributes = {k: v for k, v in attributes.items() if k not in _OME}
        if not found:
            raise InputError("it holds no array")
        self._entries = dict(found)
        return found

    def is_scale(self, name: str, entry: Entry) -> bool:
        """Whether it is called as its only axis is."""
        last = name.rpartition("/")[2]
        return bool(last) and axis_names(entry) == (last,)

    def unnamed(self, found: list[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
        """Give all arrays, and of pictures at several resolutions the finest."""
        coarse = {path for levels in self._levels.values() for path in levels.paths[1:]}
        own = self._levels.get((self.opened.member or "").strip("/"))
        if own is not None:
            return [one for one in found if one[0] == own.paths[0]] or found
        return [one for one in found if one[0] not in coarse] or found

    def header(self, entry: Entry) -> ArrayHeader:
        """Check what is said of an array, and open it."""
        if entry.problem is not None:
            raise entry.problem
        names, attributes = checked_array(entry)
        store = tree_of(entry.folder).store(entry.folder, self._zarr)
        try:
            array = self._zarr.open_array(store, mode="r", zarr_format=entry.version)
        except Exception as error:
            raise InputError(f"its metadata is not understood: {cause_of(error)}") from error
        check_numbers(array.dtype)
        return ArrayHeader(array, names, attributes)

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give an array."""
        header: ArrayHeader = member.header
        limit = self.opened.reading.max_bytes
        names, notes = header.names, said.notes(header.attributes, info.dtype)
        spacings: tuple[Spacing, ...] = ()
        for levels in self._levels.values():
            if member.name in levels.paths:
                names = names or levels.axes[: len(header.shape)]
                spacings = levels.spacings if member.name == levels.paths[0] else ()
                if len(levels.paths) > 1 and member.name == levels.paths[0]:
                    count = len(levels.paths)
                    notes += (f"of {count} resolutions the finest is pooled, {member.name}",)
        layout = named_layout(names) if len(names) == len(info.shape) else None
        info = info._replace(
            layout=layout,
            nodata=said.missing_value(header.attributes, info.dtype),
            description=Description(
                names,
                header.attributes,
                self._scales(member.name, names),
                dict(zip(layout or "", spacings, strict=False)),
                Storage.of(header.array),
                header.array.shards,
            ),
            notes=notes,
        )

        def load() -> Decoded:
            chunk = math.prod(header.array.chunks) * info.dtype.itemsize
            check_memory(chunk, limit, "a chunk of it")
            stored = ChunkedInput(
                info.shape, info.dtype, header.array.chunks, partial(_decode, header.array)
            )
            folder = self.opened.label
            missing = _missing_chunks(header.array) if tree_of(folder).lists(folder) else ()
            return Decoded(stored, notes=missing)

        return Source(info, load, header.array.chunks, limit)

    def _scales(self, name: str, names: tuple[str | None, ...]) -> dict[str, Source]:
        """The arrays beside this one that say where its cells lie."""
        group = name.rpartition("/")[0]
        found: dict[str, Source] = {}
        for axis in names:
            beside = f"{group}/{axis}" if group else str(axis)
            entry = self._entries.get(beside)
            if axis and entry is not None and beside != name and self.is_scale(beside, entry):
                scale = self.scale(beside, entry)
                found |= {} if scale is None else {axis: scale}
        return found


def _decode(array: zarr.Array[Any], place: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Read one chunk. Raises InputError (without the store's name) where it is damaged."""
    part = tuple(slice(i * n, (i + 1) * n) for i, n in zip(place, array.chunks, strict=True))
    try:
        return np.asarray(array[part])
    except Exception as error:
        inside = [
            n // own for n, own in zip(array.shards or array.chunks, array.chunks, strict=True)
        ]
        stored = tuple(i // n for i, n in zip(place, inside, strict=True))
        key = array.metadata.encode_chunk_key(stored)
        raise InputError(f"its chunk {key} is damaged: {cause_of(error)}") from error


def _missing_chunks(array: zarr.Array[Any]) -> tuple[str, ...]:
    """Say how many chunks are not stored: they hold the fill value, as Zarr defines it."""
    count, there = array.nchunks, array.nchunks_initialized
    if there >= count:
        return ()
    value = "no certain value" if array.fill_value is None else array.fill_value
    return (f"{count - there} of {count} chunks are not there, and hold {value}",)


def _walk(root: str) -> Iterator[tuple[str, Entry | None, Mapping[str, Any]]]:
    """Give the arrays and groups of a store by name, with what is said of each by attributes."""
    waiting: list[tuple[str, str, int]] = [("", root, 0)]
    known: set[Hashable] = set()
    tree = tree_of(root)
    while waiting:
        name, folder, depth = waiting.pop()
        identity = tree.identity(folder)
        if identity in known or len(known) >= _MOST:
            continue
        known.add(identity)
        try:
            entry, attributes = _node(tree, folder)
        except (InputError, OSError) as error:
            if not name:
                raise
            entry, attributes = Entry(folder, problem=InputError(explain_error(error))), {}
        yield name, entry, attributes
        if entry is None and depth < _DEEPEST:
            below = tree.below(folder)
            prefix = f"{name}/" if name else ""
            waiting += [
                (prefix + one, os.path.join(folder, one), depth + 1) for one in reversed(below)
            ]


def _node(tree: Tree, folder: str) -> tuple[Entry | None, Mapping[str, Any]]:
    """Read what a folder is: an array or, for None, a group; and its attributes."""
    if tree.has(folder, NODE):
        fields = _read_json(tree, folder, NODE)
        if fields.get("zarr_format") != 3:
            raise InputError(f"its {NODE} is of no version that is read")
        kind, attributes = fields.get("node_type"), fields.get("attributes", {})
        if kind not in ("array", "group"):
            raise InputError(f"its {NODE} is neither of an array nor of a group")
        version = 3
    else:
        kind = "array" if tree.has(folder, ARRAY_2) else "group"
        fields = _read_json(tree, folder, ARRAY_2 if kind == "array" else GROUP_2)
        if fields.get("zarr_format") != 2:
            raise InputError("its metadata is of no version that is read")
        there = tree.has(folder, ATTRIBUTES_2)
        attributes = _read_json(tree, folder, ATTRIBUTES_2) if there else {}
        version = 2
    if not isinstance(attributes, dict):
        raise InputError("its attributes are no JSON object")
    entry = Entry(folder, version, fields, attributes) if kind == "array" else None
    return entry, attributes


def _read_json(tree: Tree, folder: str, name: str) -> dict[str, Any]:
    data = tree.read(folder, name, _MAX_METADATA + 1)
    if len(data) > _MAX_METADATA:
        raise InputError(f"its {name} has more than {size_text(_MAX_METADATA)}")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"its {name} is damaged: it is no JSON") from error
    if not isinstance(fields, dict):
        raise InputError(f"its {name} is no JSON object")
    return fields


def axis_names(entry: Entry) -> tuple[str | None, ...]:
    """The names of the axes; none where there are none."""
    is_new = entry.version == NEWEST
    names = entry.fields.get("dimension_names") if is_new else entry.attributes.get(NAMES_2)
    if not isinstance(names, list) or not any(names):
        return ()
    return tuple(name if isinstance(name, str) and name else None for name in names)


def checked_array(entry: Entry) -> tuple[tuple[str | None, ...], dict[str, Any]]:
    """Return the names of the axes and the attributes of an array.

    Raises InputError where what is said of it cannot be.
    """
    fields, attributes = entry.fields, dict(entry.attributes)
    shape = _counts(fields.get("shape"), "shape", 0)
    if entry.version == NEWEST:
        grid = fields.get("chunk_grid")
        if not isinstance(grid, dict) or grid.get("name") != "regular":
            raise InputError("its chunk_grid is not regular")
        about = grid.get("configuration")
        chunks = about.get("chunk_shape") if isinstance(about, dict) else None
    else:
        chunks = fields.get("chunks")
        attributes.pop(NAMES_2, None)
    grid = _counts(chunks, "shape of chunks", 1)
    if len(grid) != len(shape):
        raise InputError(f"its shape has {len(shape)} axes, and its chunks have {len(grid)}")
    if math.prod(n for n in shape if n) > 2**63:
        raise InputError("its shape multiplies to more cells than there can be")
    numbers = fields.get("data_type", "bool")
    if entry.version == 3 and not (isinstance(numbers, str) and numbers in _NUMBERS):
        named = numbers.get("name") if isinstance(numbers, dict) else numbers
        raise InputError(f"it holds {one_line(str(named))[:40]}; numbers and bool are read")
    if _names_pickle(fields):
        raise InputError("its chunks hold pickles, which may run code; save plain numbers")
    names = axis_names(entry)
    return names if len(names) == len(shape) else (), attributes


def _counts(values: object, what: str, least: int) -> tuple[int, ...]:
    is_list = isinstance(values, list)
    if not is_list or not all(type(n) is int and least <= n < 2**63 for n in values):  # type: ignore[attr-defined]
        raise InputError(f"its {what} is no list of whole numbers from {least}")
    if len(values) > MAX_AXES:  # type: ignore[arg-type]
        raise InputError(f"its {what} has {len(values)} axes; at most {MAX_AXES} are read")  # type: ignore[arg-type]
    return tuple(values)  # type: ignore[arg-type]


def _names_pickle(value: Any) -> bool:
    """Whether a codec anywhere in the metadata is one that unpickles."""
    if isinstance(value, dict):
        named = (value.get("id"), value.get("name"))
        if any(isinstance(name, str) and "pickle" in name.lower() for name in named):
            return True
        return any(_names_pickle(item) for key, item in value.items() if key != "attributes")
    return isinstance(value, list) and any(map(_names_pickle, value))


_OME = ("ome", "multiscales", "omero", "bioformats2raw.layout", "plate", "well", "image-label")


def _levels(attributes: Mapping[str, Any], prefix: str) -> Levels | None:
    """What OME-Zarr says of the arrays of a group, where it does; names of them begin so."""
    ome = attributes.get("ome")
    scales = (ome if isinstance(ome, dict) else attributes).get("multiscales")
    scale = scales[0] if isinstance(scales, list) and scales else None
    if not isinstance(scale, dict):
        return None
    paths, axes = _each(scale.get("datasets"), "path"), _each(scale.get("axes"), "name")
    if not paths or None in paths:
        return None
    names = tuple(prefix + str(path).strip("/") for path in paths)
    return Levels(names, tuple(axes), _spacings_of(scale, _each(scale.get("axes"), "unit")))


def _spacings_of(scale: Mapping[str, Any], units: Sequence[str | None]) -> tuple[Spacing, ...]:
    """Where the cells of the finest level lie; nothing where that is not said as it should be."""
    steps, origins = [1.0] * len(units), [0.0] * len(units)
    datasets = scale.get("datasets")
    first = datasets[0] if isinstance(datasets, list) and isinstance(datasets[0], dict) else {}
    for one in (first, scale):  # that of all levels comes after a level's own
        moves = one.get("coordinateTransformations", [])
        for move in moves if isinstance(moves, list) else ():
            kind = move.get("type") if isinstance(move, dict) else None
            values = _numbers(move.get(kind)) if kind in ("scale", "translation") else []
            if len(values) != len(units):
                return ()
            if kind == "scale":
                steps = [step * value for step, value in zip(steps, values, strict=True)]
                origins = [origin * value for origin, value in zip(origins, values, strict=True)]
            else:
                origins = [origin + value for origin, value in zip(origins, values, strict=True)]
    return tuple(map(Spacing, steps, origins, units)) if all(step > 0 for step in steps) else ()


def _numbers(values: Any) -> list[float]:
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    return values if numbers and all(map(math.isfinite, values)) else []


def _each(items: object, key: str) -> list[str | None]:
    """One text of each object of a list; None where it is none."""
    found = (
        [one.get(key) for one in items if isinstance(one, dict)] if isinstance(items, list) else []
    )
    return [text if isinstance(text, str) else None for text in found]
