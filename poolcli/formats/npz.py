"""The .npz format: a zip of .npy members, whose claims are compared before they are unpacked."""

from __future__ import annotations

import errno
import io
import shutil
import struct
import weakref
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.formats import npy
from poolcli.formats.archive import ArchiveFile, Member
from poolcli.formats.base import Decoded, Opened, Source, SourceInfo
from poolcli.formats.npy import StoredNpy
from poolcli.formats.npy_header import NpyHeader, read_header
from poolcli.formats.table import ZARR_NODES

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

# Arrays up to this size are read whole.
STREAMED = 1 << 25
# What a temporary file leaves free on its disk.
SPARED = 1 << 26
_CHUNK = 1 << 20
TORCH_FILE = (
    "it is a torch file, a pickle, which may run code; save its tensors with"
    " safetensors.torch.save_file first"
)
_LOCAL_HEADER = 30  # bytes, before the name and the extra field of an entry


class StoredMember(StoredNpy):
    """An array that is not compressed, as ``numpy.savez`` writes it, read where it stands."""

    def __init__(self, file: BinaryIO, info: ZipInfo, header: NpyHeader) -> None:
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


def _unpacked(archive: ZipFile, info: ZipInfo, header: NpyHeader) -> StoredNpy | None:
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
        names = [info.filename for info in archive.infolist()]
        if any(name.endswith("data.pkl") for name in names):
            raise InputError(TORCH_FILE)
        if any(name.endswith(ZARR_NODES) for name in names):
            raise InputError("it is a Zarr store in a zip; unpack it first")
        raise InputError(f"none of its {len(names)} members is an .npy array")
    return found


class NpzFile(ArchiveFile):
    """An .npz archive: small arrays are read whole, large ones in boxes."""

    def entries(self) -> list[tuple[str, ZipInfo]]:
        """Give the entries of its .npy members."""
        self._archive = open_zip(self.opened.file)
        return members(self._archive)

    def header(self, entry: ZipInfo) -> NpyHeader:
        """Read the header of a member and compare its claim with that of the zip."""
        _refuse_encrypted(entry)
        with self._archive.open(entry) as member:
            header = read_header(cast("npy.Reader", member))
        npy.check_size(header, entry.file_size, "its zip entry")
        return header

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give an array."""
        large = member.entry.file_size > STREAMED
        header = member.header if large and not isinstance(self.opened.file, io.BytesIO) else None
        load = partial(_load, self.opened, self._archive, member.entry, header)
        chunks = info.shape if header is None else None
        return Source(info, load, chunks, self.opened.reading.max_bytes)


def _load(opened: Opened, archive: ZipFile, info: ZipInfo, header: NpyHeader | None) -> Decoded:
    """Read one array; with its ``header``, as it is large, so that it is read in boxes."""
    if header is not None:
        if info.compress_type == _STORED:
            return Decoded(StoredMember(opened.file, info, header))
        unpacked = _unpacked(archive, info, header)
        if unpacked is not None:
            return Decoded(unpacked)
    return Decoded(read_member(archive, info, opened.reading.max_bytes))


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
    target = io.BytesIO()
    pack(target, {"arr_0": array})
    return iter([target.getvalue()])


def pack(file: BinaryIO, arrays: Mapping[str, np.ndarray], *_: object) -> None:
    """Write the arrays, uncompressed as ``numpy.savez`` does, to a seekable file."""
    import zipfile

    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", _FIRST_DAY)
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, array)
