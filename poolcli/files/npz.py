"""The .npz format: a zip of .npy members, whose claims are compared before they are unpacked."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.files import npy
from poolcli.files.packed import PackedNpy

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the same arrays give the same bytes on every day


def open_zip(file: BinaryIO) -> "ZipFile":
    """Open a seekable file as a zip."""
    import zipfile

    return zipfile.ZipFile(file)


def members(archive: "ZipFile") -> list[tuple[str, "ZipInfo"]]:
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


def pick(found: list[tuple[str, "ZipInfo"]], name: str) -> list[tuple[str, "ZipInfo"]]:
    """Return the one entry called ``name``."""
    picked = [entry for entry in found if entry[0] == name.removesuffix(".npy")]
    if not picked:
        names = ", ".join(dict.fromkeys(known for known, _ in found))
        raise InputError(f"it has no array of this name; it has {names}")
    return picked


def read_member(archive: "ZipFile", info: "ZipInfo", max_bytes: int | None = None) -> np.ndarray:
    """Unpack one array, once header, stated size and memory agree; the checksum is checked."""
    _refuse_encrypted(info)
    with archive.open(info) as member:
        reader = cast("npy.Reader", member)
        array = npy.read_array(reader, info.file_size, max_bytes, "its zip entry")
        member.read(1)  # at the end the zip library compares the checksum
    return array


def open_member(archive: "ZipFile", info: "ZipInfo", max_bytes: int | None) -> PackedNpy:
    """One array that is unpacked as it is read, once header and stated size agree."""
    _refuse_encrypted(info)
    with archive.open(info) as member:
        header = npy.read_header(cast("npy.Reader", member))
    npy.check_size(header, info.file_size, "its zip entry")
    return PackedNpy(archive, info, header, max_bytes)


def _refuse_encrypted(info: "ZipInfo") -> None:
    if info.flag_bits & 1:
        raise InputError("it is encrypted; unpack the .npz and save it without a password")


def encode(arrays: Mapping[str, np.ndarray]) -> bytes:
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
