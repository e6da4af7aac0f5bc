"""HDF5 and NetCDF-4 files, by h5py: datasets that stand in the file itself, read in boxes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from poolcli.engine.chunks import ChunkedInput
from poolcli.errors import InputError
from poolcli.formats import attributes as said
from poolcli.formats.archive import ArchiveFile, Header, Member, check_numbers
from poolcli.formats.base import Decoded, Source, SourceInfo
from poolcli.formats.description import Description
from poolcli.formats.guard import cause_of, check_memory, need, one_line, shape_text
from poolcli.formats.npy import Box, check_bools
from poolcli.layout import named_layout

if TYPE_CHECKING:
    import h5py

    from poolcli.engine.arrays import StoredInput

_DEEPEST = 64  # groups in groups
_MOST = 100_000  # objects that are looked at
# What NetCDF and dimension scales are made of, and no text for people.
_OWN = {
    *("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "DIMENSION_LABELS"),
    *("_Netcdf4Dimid", "_Netcdf4Coordinates", "_NCProperties", "_nc3_strict"),
}
# What NetCDF writes for a dimension of which nobody says where its cells lie.
_NO_SCALE = b"This is a netCDF dimension but not a netCDF variable"
_BUILT_IN = {1: "gzip", 2: "shuffle", 3: "fletcher32", 4: "szip", 5: "nbit", 6: "scaleoffset"}


class Elsewhere(NamedTuple):
    """A link that is not followed; ``what`` it is."""

    what: str


class Dataset(NamedTuple):
    """A dataset that stands in the file; ``is_scale``: it only says where cells of others lie."""

    dataset: h5py.Dataset
    is_scale: bool


class Hdf5File(ArchiveFile):
    """An HDF5 file. Where several arrays could be meant, people are asked which."""

    def entries(self) -> list[tuple[str, Dataset | Elsewhere]]:
        """Open the file and find what is in its groups; no link is followed out of it."""
        h5py = need("h5py", "hdf5", "HDF5")
        try:
            self._hdf5 = h5py.File(self.opened.file, "r")
            self.attributes = _attributes(self._hdf5)
            found = list(_walk(self._hdf5))
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
            raise InputError(f"it is damaged HDF5: {_cause(error)}") from error
        if not any(isinstance(entry, Dataset) for _, entry in found):
            links = "".join(
                f"; {name} is {entry.what}"
                for name, entry in found[:1]
                if isinstance(entry, Elsewhere)
            )
            raise InputError(f"it holds no array{links}")
        return found

    def is_array(self, entry: Dataset | Elsewhere) -> bool:
        """Whether it is no link."""
        return isinstance(entry, Dataset)

    def is_scale(self, name: str, entry: Dataset | Elsewhere) -> bool:
        """Whether it is a dimension scale."""
        return isinstance(entry, Dataset) and entry.is_scale

    def unnamed(self, found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Give the only array that can be meant. Raises InputError where there are several."""
        maps = [one for one in found if len(_shape(one[1])) > 1] or found
        if len(maps) > 1:
            names = ", ".join(f"{name} {shape_text(_shape(one))}" for name, one in maps[:_LISTED])
            more = f" and {len(maps) - _LISTED} more" if len(maps) > _LISTED else ""
            raise InputError(
                f"it holds {len(maps)} arrays: {names}{more}; name one, as in"
                f" {self.opened.label}:{maps[0][0]}, or choose some with `arrays`"
            )
        return maps

    def header(self, entry: Dataset | Elsewhere) -> Header:
        """Say what the dataset is, or why it cannot be pooled."""
        if isinstance(entry, Elsewhere):
            raise InputError(f"it is {entry.what}, which is not followed")
        dataset = entry.dataset
        check_numbers(dataset.dtype)
        if dataset.shape is None:
            raise InputError("it is a dataset of no shape, which holds no value")
        if dataset.is_virtual:
            raise InputError("it is a virtual dataset, made of others; save it as one first")
        if dataset.external:
            raise InputError(
                f"its data lie in another file, {one_line(str(dataset.external[0][0]))}, which is"
                " not followed; save it as one first"
            )
        _check_filters(dataset)
        return cast(Header, dataset)

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give a dataset."""
        dataset, limit = member.entry.dataset, self.opened.reading.max_bytes
        attributes, scales = _attributes(dataset), _scales(dataset)
        names = tuple(name for name, _ in scales) if any(name for name, _ in scales) else ()
        placing: dict[str, Source] = {}
        for name, one in scales:
            scale = None if one is None else self.scale(str(name), Dataset(one, True))
            placing |= {} if scale is None else {str(name): scale}
        notes = said.notes(attributes, info.dtype)
        info = info._replace(
            layout=named_layout(names),
            nodata=said.missing_value(attributes, info.dtype),
            description=Description(names, attributes, placing),
            notes=notes,
        )

        def load() -> Decoded:
            check_memory(_chunk_bytes(dataset), limit, "a chunk of it")
            return Decoded(_stored(dataset))

        return Source(info, load, dataset.chunks, limit)

    def close(self) -> None:
        """Close the file."""
        if hasattr(self, "_hdf5"):
            self._hdf5.close()
        super().close()


_LISTED = 12


def _stored(dataset: h5py.Dataset) -> StoredInput:
    """What reads a dataset; HDF5 lets one thread in at a time."""
    if dataset.chunks is None:
        return StoredDataset(dataset)
    return ChunkedInput(dataset.shape, dataset.dtype, dataset.chunks, partial(_decode, dataset))


def _decode(dataset: h5py.Dataset, place: tuple[int, ...]) -> np.ndarray[Any, Any]:
    sides = zip(place, dataset.chunks, dataset.shape, strict=True)
    box = tuple((i * n, min((i + 1) * n, most)) for i, n, most in sides)
    cells = np.empty(tuple(high - low for low, high in box), dataset.dtype)
    _read(dataset, box, cells)
    return cells


def _read(dataset: h5py.Dataset, box: Box, out: np.ndarray[Any, Any]) -> None:
    """Fill ``out``. Raises InputError (without the file's name) for what is damaged."""
    if not out.size:
        return
    try:
        dataset.read_direct(out, tuple(slice(*part) for part in box))
    except Exception as error:
        where = "x".join(f"{low}:{high}" for low, high in box)
        raise InputError(f"its cells {where} cannot be read: {_cause(error)}") from error
    check_bools(out)


class StoredDataset:
    """A dataset that has no chunks: boxes of any shape are read."""

    sequential = False
    chunks = None

    def __init__(self, dataset: h5py.Dataset) -> None:
        self._dataset = dataset
        self.shape, self.dtype = dataset.shape, dataset.dtype
        self.axes = tuple(range(len(dataset.shape)))

    def keep(self, nbytes: int) -> None:
        """There is nothing to keep."""

    def read_box(self, box: Box, out: np.ndarray[Any, Any]) -> None:
        """Fill ``out``. Raises InputError (without the file's name) where it is damaged."""
        _read(self._dataset, box, out)

    def finish(self) -> None:
        """Nothing is left to do."""


def _cause(error: Exception) -> str:
    """What HDF5 says is wrong, without what it was about to do."""
    told = re.search(r"\((.+)\)", str(error))
    return one_line(told[1]) if told else cause_of(error)


def _walk(root: h5py.Group) -> Iterator[tuple[str, Dataset | Elsewhere]]:
    """Give what is in a group and those in it, in the order of their names, each object once."""
    import h5py

    waiting: list[tuple[str, h5py.Group, int]] = [("", root, 0)]
    known: set[Any] = set()
    count = 0
    while waiting:
        prefix, group, depth = waiting.pop()
        below = []
        for name in group:
            count += 1
            if count > _MOST:
                raise InputError(f"it holds more than {_MOST} objects")
            path = f"{prefix}{name}"
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                yield path, Elsewhere(f"a link to {one_line(link.filename)}:{one_line(link.path)}")
                continue
            if isinstance(link, h5py.SoftLink):
                yield path, Elsewhere(f"a link to {one_line(link.path)}")
                continue
            found = group[name]
            address = h5py.h5o.get_info(found.id).addr
            if address in known or isinstance(found, h5py.Datatype):
                continue
            known.add(address)
            if isinstance(found, h5py.Dataset):
                yield path, Dataset(found, bool(h5py.h5ds.is_scale(found.id)))
            elif depth < _DEEPEST:
                below.append((f"{path}/", found, depth + 1))
        waiting += reversed(below)


def _shape(entry: Dataset | Elsewhere) -> tuple[int, ...]:
    return (entry.dataset.shape or ()) if isinstance(entry, Dataset) else ()


def _attributes(item: Any) -> dict[str, Any]:
    """What is said of a dataset or a file; what cannot be read, or is not for people, is not."""
    found: dict[str, Any] = {}
    for name in item.attrs:
        if name in _OWN:
            continue
        try:
            value = said.plain(item.attrs[name])
        except (OSError, TypeError, ValueError, RuntimeError, KeyError):
            continue
        if value is not None:
            found[name] = value
    return found


def _scales(dataset: h5py.Dataset) -> list[tuple[str | None, h5py.Dataset | None]]:
    """The names of the axes, which are their labels or else those of their scales, and these."""
    found: list[tuple[str | None, h5py.Dataset | None]] = []
    for axis in range(len(dataset.shape)):
        scale = None
        try:
            dimension = dataset.dims[axis]
            scale = dimension[0] if len(dimension) else None
            name = dimension.label or (scale.name if scale is not None else "")
            if scale is not None and scale.attrs.get("NAME", b"").startswith(_NO_SCALE):
                scale = None
        except (OSError, TypeError, ValueError, RuntimeError, KeyError, AttributeError):
            name = ""
        name = str(name).rpartition("/")[2] or None
        found.append((name, scale if name else None))
    return found


def _check_filters(dataset: h5py.Dataset) -> None:
    import h5py

    packing = dataset.id.get_create_plist()
    for number in range(packing.get_nfilters()):
        code, _, _, name = packing.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            known = one_line(name.decode("ascii", "replace")) or _BUILT_IN.get(code, "unknown")
            raise InputError(
                f"its chunks are packed by filter {code} ({known}), which is not installed; unpack"
                " them with h5repack -f NONE"
            )


def _chunk_bytes(dataset: h5py.Dataset) -> int:
    return math.prod(dataset.chunks or (0,)) * int(dataset.dtype.itemsize)
