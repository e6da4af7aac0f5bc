"""The .npz format: a zip of .npy members, whose claims are compared before they are unpacked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.files import npy
from poolcli.files.causes import reading
from poolcli.files.loaded import Members
from poolcli.files.packed import PackedNpy

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

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


def open_member(archive: ZipFile, info: ZipInfo, max_bytes: int | None) -> PackedNpy:
    """One array that is unpacked as it is read, once header and stated size agree."""
    return PackedNpy(archive, info, _header(archive, info), max_bytes)


def _refuse_encrypted(info: ZipInfo) -> None:
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
