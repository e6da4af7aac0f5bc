"""The .npz format: a zip of .npy members, whose claims are compared before they are unpacked."""

from __future__ import annotations

import errno
import io
import shutil
import struct
import weakref
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.formats import npy
from poolcli.formats.base import Decoded, Members, Opened, OpenFile, Source, SourceInfo
from poolcli.formats.guard import reading
from poolcli.formats.npy import StoredNpy

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

# Arrays up to this size are read whole.
STREAMED = 1 << 25
# What a temporary file leaves free on its disk.
SPARED = 1 << 26
_CHUNK = 1 << 20
_LOCAL_HEADER = 30  # bytes, before the name and the extra field of an entry


class StoredMember(StoredNpy):
    """An array that is not compressed, as ``numpy.savez`` writes it, read where it stands."""

    def __init__(self, file: BinaryIO, info: ZipInfo, header: npy.NpyHeader) -> None:
        file.seek(info.header_offset)
        local = file.read(_LOCAL_HEADER)
        if len(local) < _LOCAL_HEADER:
            raise InputError("its zip entry ends within its header; it is truncated")
        self._start = info.header_offset + _LOCAL_HEADER + sum(struct.unpack("<26xHH", local))
        super().__init__(file, header._replace(data_offset=self._start + header.data_offset))
        self._info, self._is_checked = info, False

    def finish(self) -> None:
        """Compare the checksum, once: boxes are read in any order, and not all of it need be."""
        if self._is_checked:
            return
        crc, offset, left = 0, self._start, self._info.file_size
        buffer = memoryview(bytearray(_CHUNK))
        while left:
            part = buffer[: min(left, _CHUNK)]
            self._read(part, offset)
            crc, offset, left = zlib.crc32(part, crc), offset + len(part), left - len(part)
        if crc != self._info.CRC:
            raise InputError(f"Bad CRC-32 for file {self._info.filename!r}")
        self._is_checked = True


def _unpacked(archive: ZipFile, info: ZipInfo, header: npy.NpyHeader) -> StoredNpy | None:
    """Unpack into a file that ends with the array; None where its disk has no room for it."""
    import tempfile  # late: few arrays are large and compressed

    try:
        if shutil.disk_usage(tempfile.gettempdir()).free < info.file_size + SPARED:
            return None
        file = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with the array
    except OSError:
        return None
    try:
        with archive.open(info) as member:
            while piece := member.read(_CHUNK):
                file.write(piece)
        file.flush()
    except BaseException as error:
        file.close()
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return None
        raise
    stored = StoredNpy(cast(BinaryIO, file), header)
    weakref.finalize(stored, file.close)
    return stored


_STORED = 0  # a way to compress
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the same arrays give the same bytes on every day


def open_zip(file: BinaryIO) -> ZipFile:
    """Open a seekable file as a zip."""
    import zipfile

    return zipfile.ZipFile(file)


def members(archive: ZipFile) -> list[tuple[str, ZipInfo]]:
    """Return (array name, zip entry) of every .npy in the archive, in stored order.

    Names are labels only, never paths. Two entries may have the same name.
    """
    found = [
        (info.filename.removesuffix(".npy"), info)
        for info in archive.infolist()
        if info.filename.endswith(".npy")
    ]
    if not found:
        raise InputError(f"none of its {len(archive.infolist())} members is an .npy array")
    return found


class NpzFile(OpenFile):
    """An .npz archive: small arrays are read whole, large ones in boxes."""

    def sources(self) -> Iterator[Source]:
        """Give its arrays; what is wrong with the headers of some is raised at the end."""
        file, label, row, settings, name = self.opened
        with reading(label):
            archive = open_zip(file)
        chosen = choose(archive, label, name, settings.members)
        for member in chosen:
            if member.header is None:
                continue
            header, large = member.header, member.info.file_size > STREAMED
            large = large and not isinstance(file, io.BytesIO)
            info = SourceInfo(
                label=f"{label}:{member.name}",
                shape=header.shape,
                dtype=header.dtype,
                row=row,
                format=row.extensions[0],
                member=member.name,
                beside=member.beside,
            )
            load = partial(_load, self.opened, archive, member.info, header if large else None)
            yield Source(info, load, None if large else header.shape, settings.max_bytes)
        failures = [member.problem for member in chosen if member.problem is not None]
        if failures:
            raise first_of(failures)


def _load(opened: Opened, archive: ZipFile, info: ZipInfo, header: npy.NpyHeader | None) -> Decoded:
    """Read one array; with its ``header``, as it is large, so that it is read in boxes."""
    if header is not None:
        if info.compress_type == _STORED:
            return Decoded(StoredMember(opened.file, info, header))
        unpacked = _unpacked(archive, info, header)
        if unpacked is not None:
            return Decoded(unpacked)
    return Decoded(read_member(archive, info, opened.reading.max_bytes))


class Member(NamedTuple):
    """One array of an archive by its header; ``problem`` says why it cannot be read.

    ``beside``: it has 0 or 1 axes beside larger arrays, as labels have, and goes on as it is.
    """

    name: str
    info: ZipInfo
    header: npy.NpyHeader | None
    problem: InputError | None = None
    beside: bool = False


def choose(archive: ZipFile, label: str, name: str | None, wanted: Members) -> list[Member]:
    """Return the array called ``name``, or else those that are ``wanted``."""
    with reading(label if name is None else f"{label}:{name}"):
        found = members(archive)
        if name is not None:
            found = pick(found, name)
        elif wanted.patterns:
            found = _matching(found, wanted.patterns)
    chosen: list[Member] = []
    for member, info in found:
        try:
            with reading(f"{label}:{member}"):
                if any(other.name == member for other in chosen):
                    raise InputError("a second array has this name; only the first is read")
                chosen.append(Member(member, info, _header(archive, info)))
        except InputError as error:
            chosen.append(Member(member, info, None, error))
    axes = [-1 if one.header is None else len(one.header.shape) for one in chosen]
    if name is not None or wanted.small or max(axes) < 2:
        return chosen
    return [one._replace(beside=0 <= count < 2) for one, count in zip(chosen, axes, strict=True)]


def first_of(failures: Sequence[InputError]) -> InputError:
    """Return one error for all arrays of an archive that have failed."""
    more = f" (and {len(failures) - 1} more arrays of it failed)" if failures[1:] else ""
    error = InputError(f"{failures[0]}{more}")
    error.__cause__ = failures[0]
    return error


def _matching(
    found: list[tuple[str, ZipInfo]], patterns: Sequence[str]
) -> list[tuple[str, ZipInfo]]:
    from fnmatch import fnmatchcase  # late: few choose

    picked = [entry for entry in found if any(fnmatchcase(entry[0], p) for p in patterns)]
    if not picked:
        raise InputError(
            f"it has no array called {' or '.join(patterns)}; it has {_names(found)}",
            code="not_found",
        )
    return picked


def _names(found: list[tuple[str, ZipInfo]]) -> str:
    return ", ".join(dict.fromkeys(known for known, _ in found))


def _header(archive: ZipFile, info: ZipInfo) -> npy.NpyHeader:
    _refuse_encrypted(info)
    with archive.open(info) as member:
        header = npy.read_header(cast("npy.Reader", member))
    npy.check_size(header, info.file_size, "its zip entry")
    return header


def pick(found: list[tuple[str, ZipInfo]], name: str) -> list[tuple[str, ZipInfo]]:
    """Return the one entry called ``name``."""
    picked = [entry for entry in found if entry[0] == name.removesuffix(".npy")]
    if not picked:
        raise InputError(f"it has no array of this name; it has {_names(found)}", code="not_found")
    return picked


def read_member(archive: ZipFile, info: ZipInfo, max_bytes: int | None = None) -> np.ndarray:
    """Unpack one array, once header, stated size and memory agree; the checksum is checked."""
    _refuse_encrypted(info)
    with archive.open(info) as member:
        reader = cast("npy.Reader", member)
        array = npy.read_array(reader, info.file_size, max_bytes, "its zip entry")
        member.read(1)  # at the end the zip library compares the checksum
    return array


def _refuse_encrypted(info: ZipInfo) -> None:
    if info.flag_bits & 1:
        raise InputError("it is encrypted; unpack the .npz and save it without a password")


def encode(array: np.ndarray, *_: object) -> Iterator[bytes | memoryview]:
    """Return the bytes of an archive of one array, ``arr_0``."""
    return iter([packed({"arr_0": array})])


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the archive as bytes, for pipes and devices, where nobody can go back."""
    target = io.BytesIO()
    write_members(target, arrays)
    return target.getvalue()


def write_members(file: BinaryIO, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the arrays, uncompressed as ``numpy.savez`` does, to a seekable file."""
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", _FIRST_DAY)
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, array)
