"""The .npz format: a zip of .npy members, whose claims are compared before they are unpacked."""

from __future__ import annotations

import io
import os
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.formats import npy
from poolcli.formats.base import Decoded, Members, OpenFile, Source, SourceInfo
from poolcli.formats.guard import explain_error, reading
from poolcli.formats.npy import Box, StoredNpy, runs

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

# What was unpacked last is kept, for the rows that neighbouring blocks share.
KEPT = 1 << 22
# Arrays up to this size are unpacked whole.
STREAMED = 1 << 25
_CHUNK = 1 << 18
# What a temporary file leaves free on its disk.
SPARED = 1 << 26


class PackedNpy:
    """One array of an .npz, read box by box; ``shape`` is in the order that it is stored in.

    Reading goes forwards. Where it first goes back further than the ``KEPT`` bytes, everything is
    unpacked into a temporary file without a name, and read from there. Where the disk has no room
    for that, it starts again from the beginning, which is slow and right. One thread reads at a
    time.
    """

    sequential = True

    def __init__(
        self, archive: ZipFile, info: ZipInfo, header: npy.NpyHeader, max_bytes: int | None = None
    ) -> None:
        self._archive, self._info = archive, info
        self._header, self._max_bytes = header, max_bytes
        axes = tuple(range(len(header.shape)))
        self.axes = axes[::-1] if header.fortran_order else axes
        self.shape = header.shape[::-1] if header.fortran_order else header.shape
        self.dtype = header.dtype
        self._unpacked: StoredNpy | None = None
        self._may_unpack = True
        self._member: Any = None
        self._kept = bytearray()
        self._end = 0
        """How many bytes of the member have been unpacked; the last of them are kept."""

    def read_box(self, box: Box, out: np.ndarray[Any, Any]) -> None:
        """Fill ``out``, C-contiguous and of the box's shape and this dtype.

        Raises InputError (without a label) where the entry is damaged.
        """
        first = next(runs(self.shape, box, self.dtype.itemsize), (0, 0))[0]
        if self._is_gone(self._header.data_offset + first) and self._may_unpack:
            self._unpacked = self._unpack_all()
            self._may_unpack = False
        if self._unpacked is not None:
            self._unpacked.read_box(box, out)
            return
        data = out.reshape(-1).view(np.uint8).data
        done = 0
        for offset, size in runs(self.shape, box, self.dtype.itemsize):
            self._read(data[done : done + size], self._header.data_offset + offset)
            done += size
        npy.check_bools(out)

    def finish(self) -> None:
        """Unpack what is left: at the end the zip library compares the checksum."""
        while self._member is not None and self._unpack(_CHUNK):
            pass
        self._restart()

    def _is_gone(self, offset: int) -> bool:
        """Whether what stands there was unpacked, and is no longer kept."""
        return offset < self._end - len(self._kept)

    def _unpack_all(self) -> StoredNpy | None:
        """Unpack into a file that ends with this process; None where there is no room for it."""
        import tempfile  # late: most are read as they are packed

        self._restart()
        size = self._info.file_size
        try:
            if shutil.disk_usage(tempfile.gettempdir()).free < size + SPARED:
                return None
            file = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with this
            try:
                while self._end < size:
                    file.write(self._need(min(_CHUNK, size - self._end)))
                self.finish()
                file.flush()
            except BaseException:
                file.close()
                raise
            weakref.finalize(self, file.close)
            return StoredNpy(cast(BinaryIO, file), self._header)
        except OSError:
            return None

    def _read(self, buffer: memoryview, offset: int) -> None:
        if self._is_gone(offset):
            self._restart()
        while self._end < offset:
            self._need(min(_CHUNK, offset - self._end))
        start = len(self._kept) - (self._end - offset)
        known = self._kept[start : start + len(buffer)]
        buffer[: len(known)] = known
        done = len(known)
        while done < len(buffer):
            piece = self._need(min(_CHUNK, len(buffer) - done))
            buffer[done : done + len(piece)] = piece
            done += len(piece)

    def _need(self, size: int) -> bytes:
        piece = self._unpack(size)
        if not piece:
            raise InputError(
                f"header says {self._header} = {self._header.nbytes} bytes, and its zip entry "
                f"ends after {self._end - self._header.data_offset}; it is truncated"
            )
        return piece

    def _unpack(self, size: int) -> bytes:
        try:
            if self._member is None:
                self._member = self._archive.open(self._info)
            piece = cast(bytes, self._member.read(size))
        except Exception as error:
            raise InputError(explain_error(error)) from error
        self._end += len(piece)
        self._kept += piece
        if len(self._kept) > 2 * KEPT:
            del self._kept[:-KEPT]
        return piece

    def _restart(self) -> None:
        if self._member is not None:
            self._member.close()
        self._member, self._kept, self._end = None, bytearray(), 0


class OwnView(io.RawIOBase):
    """A file seen through a descriptor of its own, at a position of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._descriptor = os.dup(file.fileno())
        self._size = os.fstat(self._descriptor).st_size
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position of this view alone."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read at this view's position."""
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close this view's descriptor."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


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
    """An .npz archive: small arrays are unpacked whole, large ones as they are pooled."""

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
            limit = settings.max_bytes
            if large:
                yield Source(info, partial(_packed, file, member.info, header, limit), None, limit)
            else:
                yield Source(info, partial(_whole, archive, member.info, limit), header.shape)
        failures = [member.problem for member in chosen if member.problem is not None]
        if failures:
            raise first_of(failures)


def _whole(archive: ZipFile, info: ZipInfo, max_bytes: int | None) -> Decoded:
    return Decoded(read_member(archive, info, max_bytes))


def _packed(file: BinaryIO, info: ZipInfo, header: npy.NpyHeader, max_bytes: int | None) -> Decoded:
    # Of its own, as its position is, and unpacked as it is pooled.
    own = open_zip(cast(BinaryIO, io.BufferedReader(OwnView(file))))
    return Decoded(PackedNpy(own, info, header, max_bytes))


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
        raise InputError(f"it has no array called {' or '.join(patterns)}; it has {_names(found)}")
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
        raise InputError(f"it has no array of this name; it has {_names(found)}")
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
