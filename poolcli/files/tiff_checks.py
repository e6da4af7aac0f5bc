"""What a TIFF claims, compared with what is there, before any pixel is decoded."""

import math
import struct
from typing import Any, BinaryIO

from poolcli.errors import InputError
from poolcli.files.causes import check_count, shape_text, size_text

_MAX_PAGES = 100_000
_NONE = 1  # compression
_BOMB_BYTES, _BOMB_RATIO = 2**28, 5000  # denser than deflate and LZW ever pack


def check_chain(file: BinaryIO, size: int) -> None:
    """Follow the chain of pages to its end: libraries just stop where it breaks off."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head[:2] == b"II" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    count_format, entry, offset_format = ("Q", 20, "Q") if big else ("H", 12, "I")
    (offset,) = struct.unpack_from(order + offset_format, head, 8 if big else 4)
    seen: set[int] = set()
    while offset:
        if offset in seen:
            raise InputError("it cannot be decoded as TIFF: its pages go round in a circle")
        if len(seen) == _MAX_PAGES:
            raise InputError(f"it has more than {_MAX_PAGES} pages; save them as several files")
        seen.add(offset)
        file.seek(offset)
        count = _number(file, order + count_format, size)
        file.seek(offset + struct.calcsize(count_format) + count * entry)
        offset = _number(file, order + offset_format, size)
    if not seen:
        raise InputError("it has no page")


def _number(file: BinaryIO, number_format: str, size: int) -> int:
    length = struct.calcsize(number_format)
    data = file.read(length)
    if len(data) < length:
        raise InputError(f"it has a page past the file's {size} bytes; it is truncated")
    number: int = struct.unpack(number_format, data)[0]
    return number


def check_pages(tiff: Any, pages: list[Any], size: int, max_pixels: int | None) -> None:
    """Refuse pages that differ, are cut off, or claim more than they can hold."""
    first = pages[0]
    check_count((first.imagewidth, first.imagelength), max_pixels)
    pixels = first.imagelength * first.imagewidth
    if first.dtype is None or first.dtype.kind not in "biuf":
        raise InputError(f"its pixels are of type {first.dtype}; whole and real numbers are read")
    for number, page in enumerate(pages, 1):
        if (page.shape, page.dtype, page.photometric) != (
            first.shape,
            first.dtype,
            first.photometric,
        ):
            raise InputError(
                f"page 1 is {shape_text(first.shape)} {first.dtype}, page {number} is"
                f" {shape_text(page.shape)} {page.dtype}; save the pages as files of their own"
            )
        segments = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        if len(segments) < math.prod(page.chunked):
            raise InputError(
                f"page {number} of {shape_text(page.shape)} has {len(segments)} of"
                f" {math.prod(page.chunked)} parts; it is damaged"
            )
        stored = sum(count for _, count in segments)
        sparse = not all(count for _, count in segments)  # such parts are blank, which is allowed
        needed = math.prod(page.shape) * page.bitspersample // 8
        if page.compression == _NONE and stored < needed and not sparse:
            raise InputError(
                f"page {number} of {shape_text(page.shape)} {page.dtype} needs {needed} bytes,"
                f" it has {stored}; it is truncated"
            )
        if page.nbytes > max(_BOMB_BYTES, _BOMB_RATIO * stored) and max_pixels is None:
            raise InputError(
                f"page {number} claims {size_text(page.nbytes)} in {stored} bytes, which may be a"
                f" decompression bomb; --max-pixels {pixels} reads it"
            )
        for offset, count in segments:
            if offset + count > size:
                raise InputError(
                    f"page {number} has pixels at byte {offset + count}, the file has {size};"
                    " it is truncated"
                )
    described = (tiff.imagej_metadata or {}).get("images", 1) if tiff.is_imagej else 1
    if described > len(pages):
        raise InputError(
            f"it describes {described} images and has {len(pages)} pages; save it with a page each"
        )
