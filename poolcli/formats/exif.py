"""EXIF: a TIFF structure without a picture, changed in place or carried to and from a TIFF.

In place, because cameras keep notes whose inner addresses nobody else knows: a structure that is
written anew loses them. Everything read is checked against the data's end; what leads past it
raises ``Damaged``.
"""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

ORIENTATION = 0x0112
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
SHORT, LONG, BYTE = 3, 4, 1
_WIDTH, _HEIGHT = 0xA002, 0xA003
_HEADING = b"Exif\0\0"
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_MOST_BYTES = 1 << 24

Fetch = Callable[[int, int], bytes]
"""Gives so many bytes from an offset on; fewer where there are no more."""


class Damaged(ValueError):
    """The structure contradicts itself."""


class Entry(NamedTuple):
    """One tag: its values packed, and the offset where they stand."""

    kind: int
    number: int
    data: bytes
    offset: int = 0


Directory = dict[int, Entry]


class Structure(NamedTuple):
    """The tags of the first directory, and of those that it points to."""

    order: str
    main: Directory
    below: dict[int, Directory]


def without_heading(data: object) -> bytes | None:
    """Return the TIFF structure of EXIF as Pillow gives it; None where there is none."""
    if not isinstance(data, bytes):
        return None
    data = data.removeprefix(_HEADING)
    return data if data[:4] in (b"II*\0", b"MM\0*") else None


def with_heading(data: bytes) -> bytes:
    """Return EXIF as Pillow takes it for every format."""
    return _HEADING + data


def upright(data: bytes) -> bytes | None:
    """Return EXIF that says the picture is upright; None where it is damaged."""
    return _patched(data, {ORIENTATION: 1}, {})


def with_size(data: bytes, height: int, width: int) -> bytes | None:
    """Return EXIF that says the picture is of this size, where it says a size."""
    return _patched(data, {}, {_WIDTH: width, _HEIGHT: height})


def _patched(data: bytes, main: Mapping[int, int], details: Mapping[int, int]) -> bytes | None:
    try:
        found = parse(data)
    except Damaged:
        return None
    changed = bytearray(data)
    for directory, values in ((found.main, main), (found.below.get(EXIF_IFD, {}), details)):
        for tag, value in values.items():
            entry = directory.get(tag)
            if entry is None or entry.number != 1 or entry.kind not in (SHORT, LONG):
                continue
            if entry.kind == LONG or value < 1 << 16:
                code = "H" if entry.kind == SHORT else "I"
                struct.pack_into(found.order + code, changed, entry.offset, value)
    return bytes(changed)


def parse(data: bytes) -> Structure:
    """Read a structure in memory. Raises ``Damaged``."""
    order = order_of(data)

    def fetch(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    return read_structure(fetch, order, _unpack(order + "I", data[4:8])[0])


def read_structure(fetch: Fetch, order: str, offset: int) -> Structure:
    """Read the directory at ``offset`` and the EXIF and GPS ones below it. Raises ``Damaged``."""
    main = read_directory(fetch, order, offset)
    below = {}
    for tag in (EXIF_IFD, GPS_IFD):
        if tag in main:
            below[tag] = read_directory(fetch, order, _unpack(order + "I", main[tag].data)[0])
    return Structure(order, main, below)


def read_directory(fetch: Fetch, order: str, offset: int) -> Directory:
    """Read the tags of the directory at ``offset``; those of unknown type are left out."""
    (count,) = _unpack(order + "H", fetch(offset, 2))
    directory: Directory = {}
    for number in range(count):
        at = offset + 2 + 12 * number
        tag, kind, length, value = _unpack(order + "HHII", fetch(at, 12))
        if kind not in _SIZES:
            continue
        size = _SIZES[kind] * length
        start = at + 8 if size <= 4 else value
        data = fetch(start, size) if size <= _MOST_BYTES else b""
        if len(data) < size:
            raise Damaged(f"tag {tag} with {size} bytes ends past the data")
        directory[tag] = Entry(kind, length, data, start)
    return directory


def order_of(data: bytes) -> str:
    """Return the byte order of a TIFF structure as struct writes it."""
    return "<" if data[:2] == b"II" else ">"


def pack(found: Structure, offset: int, following: int = 0) -> bytes:
    """Return the bytes of directories that will stand at ``offset``, with all their values.

    ``following`` is the offset of the next page's directory.
    """
    order = found.order
    main = dict(found.main)
    below = {tag: directory for tag, directory in found.below.items() if directory}
    main |= {tag: Entry(LONG, 1, bytes(4)) for tag in below}
    end = offset + len(_pack_directory(main, order, offset, following))
    packed = b""
    for tag, directory in below.items():
        main[tag] = Entry(LONG, 1, struct.pack(order + "I", end + len(packed)))
        packed += _pack_directory(directory, order, end + len(packed), 0)
    return _pack_directory(main, order, offset, following) + packed


def build(found: Structure) -> bytes | None:
    """Return an EXIF structure of these directories; None where there is nothing to say."""
    if not found.main and not any(found.below.values()):
        return None
    head = (b"II*\0" if found.order == "<" else b"MM\0*") + struct.pack(found.order + "I", 8)
    return head + pack(found, 8)


def _pack_directory(directory: Directory, order: str, offset: int, following: int) -> bytes:
    entries, values = [], b""
    after = offset + 2 + 12 * len(directory) + 4
    for tag, entry in sorted(directory.items()):
        head = struct.pack(order + "HHI", tag, entry.kind, entry.number)
        if len(entry.data) <= 4:
            entries.append(head + entry.data.ljust(4, b"\0"))
        else:
            entries.append(head + struct.pack(order + "I", after + len(values)))
            values += entry.data + b"\0" * (len(entry.data) % 2)
    count = struct.pack(order + "H", len(directory))
    return count + b"".join(entries) + struct.pack(order + "I", following) + values


def _unpack(code: str, data: bytes) -> tuple[int, ...]:
    if len(data) < struct.calcsize(code):
        raise Damaged("it ends too early")
    return struct.unpack_from(code, data)
