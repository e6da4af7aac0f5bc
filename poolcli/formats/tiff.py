"""The TIFF format: pages that are checked before they are read."""

import logging
import math
import os
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.formats import exif, png16
from poolcli.formats.geotiff import geo_of
from poolcli.formats.guard import check_count, check_memory, shape_text, size_text
from poolcli.formats.image import (
    Picture,
    check_frames,
    decode_frames,
    layout_of,
    mode_to_read,
    open_image,
    upright,
)
from poolcli.formats.metadata import PictureInput, notes_of, unmultiplied

GREY_OR_RGB = {0, 1, 2}  # photometric: white is zero, black is zero, RGB
INKS = 5  # photometric: cyan, magenta, yellow, black
_PREMULTIPLIED = 1  # an extra sample that is alpha, and multiplied into the others
_PACKBITS = 32773  # a compression
_ONE_AT_A_TIME = threading.Lock()
# Photometric, bits and samples of what Pillow turns into RGB of 8 bits: palettes, inks, YCbCr.
_BECOMES_RGB = {(3, 8, 1), (INKS, 8, 4), (6, 8, 3)}
_REDUCED = 1  # a page that is a smaller version of another


def read_tiff(file: BinaryIO, max_bytes: int | None, wanted: PictureInput) -> Picture:
    """Read every page: "HW" or "HWC", with "N" before when there are several."""
    with _opened(file, wanted.max_pixels) as pages:
        first = pages[0]
        check_memory(2 * sum(page.nbytes for page in pages), max_bytes)
        arrays = None
        inks = wanted.inks and first.photometric == INKS and first.samplesperpixel == 4
        if first.photometric in GREY_OR_RGB or inks:
            arrays = _read_by_tifffile(pages)
        notes = notes_of(file, first)._replace(geo=geo_of(pages))
        if arrays is None:
            with _silent_stderr():
                arrays = _read_by_pillow(file, pages, max_bytes, wanted)
            notes = notes._replace(alpha=arrays[0].ndim == 3 and arrays[0].shape[2] in (2, 4))
        elif first.extrasamples == (_PREMULTIPLIED,):
            arrays = [unmultiplied(array) for array in arrays]
    many = len(arrays) > 1
    array = np.stack(arrays) if many else arrays[0]
    inks = inks and array.shape[-1] == 4
    return Picture(
        array, layout_of(array, many), notes._replace(inks=inks, alpha=notes.alpha and not inks)
    )


@contextmanager
def _opened(file: BinaryIO, max_pixels: int | None) -> Iterator[list[Any]]:
    """Give the pages that are pictures in their own right, not smaller versions of others.

    What they claim is checked; no pixel has been decoded.
    """
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # it would warn on stderr
    size = file.seek(0, os.SEEK_END)
    check_chain(file, size)
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        every: Any = tiff.pages
        pages = [page for page in every if not page.subfiletype & _REDUCED]
        if not pages:
            raise InputError("it has no page")
        check_pages(tiff, pages, size, max_pixels)
        yield pages


def header_of(
    file: BinaryIO, wanted: PictureInput
) -> tuple[tuple[int, ...], str, np.dtype[Any], float | None] | None:
    """Return shape, layout, dtype and the value that means missing of what ``read_tiff`` gives.

    None where that shows only when it is decoded.
    """
    with _opened(file, wanted.max_pixels) as pages:
        first, geo = pages[0], geo_of(pages)
        as_it_is = first.photometric in GREY_OR_RGB or (
            first.photometric == INKS and first.samplesperpixel == 4 and wanted.inks
        )
        if as_it_is:
            channels, dtype = first.samplesperpixel, first.dtype.newbyteorder("=")
        elif (first.photometric, first.bitspersample, first.samplesperpixel) in _BECOMES_RGB:
            channels, dtype = 3, np.dtype(np.uint8)
        else:
            return None
        if first.axes not in ("SYX", "YX", "YXS"):
            return None
        plane: tuple[int, ...] = (first.imagelength, first.imagewidth)
        if first.tags.valueof(exif.ORIENTATION, 1) in (5, 6, 7, 8):
            plane = plane[::-1]
        shape, layout = plane, "HW"
        if channels > 1:
            shape, layout = (*shape, channels), layout + "C"
        if len(pages) > 1:
            shape, layout = (len(pages), *shape), "N" + layout
        return shape, layout, dtype, None if geo is None else geo.missing(dtype)


def _read_by_tifffile(pages: list[Any]) -> list[np.ndarray] | None:
    """Decode the pages, or return None where that needs a package that is not installed."""
    try:
        return [_read_page(page) for page in pages]
    except (ValueError, ImportError) as error:
        unknown = "imagecodecs" in str(error) or "not supported" in str(error)
        if not unknown and not isinstance(error, ImportError):
            raise
        return None


def _read_page(page: Any) -> np.ndarray:
    if page.bitspersample == 1 and page.samplesperpixel > 1:
        raise InputError(f"it has {page.samplesperpixel} channels of 1 bit; save it with 8 bits")
    array: np.ndarray = page.asarray()
    if page.axes == "SYX":
        array = np.moveaxis(array, 0, -1)
    if page.axes not in ("SYX", "YX", "YXS"):
        raise InputError(f"a page has axes {page.axes}; pictures (rows, columns, colours) are read")
    if page.photometric == 0 and array.dtype.kind in "bu":  # white is zero
        array = ~array
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return upright(array, page.tags.valueof(exif.ORIENTATION, 1))


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep libtiff from writing on stderr behind Python's back; it also raises what it writes.

    What the program says itself goes through a descriptor of its own (``cli/main.py``).
    """
    with _ONE_AT_A_TIME, open(os.devnull, "wb") as nowhere:
        try:
            kept = os.dup(2)
        except OSError:  # there is no stderr
            yield
            return
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _read_by_pillow(
    file: BinaryIO, pages: list[Any], max_bytes: int | None, wanted: PictureInput
) -> list[np.ndarray]:
    """Decode by Pillow, where it keeps all bits; 16-bit colour comes byte by byte, as in PNG.

    Pillow itself turns the pages upright.
    """
    from PIL import UnidentifiedImageError
    from PIL.Image import getmodebands

    first = pages[0]
    bits, kind, colour = first.bitspersample, first.dtype.kind, first.photometric
    numbers = [page.index for page in pages]
    try:
        with open_image(file, "TIFF", wanted.max_pixels) as image:
            check_frames(image.size, len(pages), max_bytes)
            mode = image.mode
            plain = mode_to_read(image, wanted.inks)
    except UnidentifiedImageError as error:
        raise _refused(first) from error
    if kind == "u" and bits == 16 and mode in ("RGB", "RGBA") and colour == 2:
        # libtiff hands over the machine's byte order.
        high, low = ("L", "B") if sys.byteorder == "little" else ("B", "L")
        return [
            png16.join_halves(
                png16.decode_raw(file, "TIFF", f"{mode};16{high}", number),
                png16.decode_raw(file, "TIFF", f"{mode};16{low}", number),
            )
            for number in numbers
        ]
    samples = getmodebands(mode)
    exact = {
        "u": bits == 8 or (bits == 16 and mode.startswith("I;16")) or (bits == 32 and mode == "I"),
        "i": bits in (16, 32) and mode == "I",  # Pillow's int32 has their bits
        "b": True,
        "f": mode == "F" and bits == 32,
    }
    # Pillow undoes packbits itself and then forgets the predictor.
    forgotten = first.compression == _PACKBITS and first.predictor > 1
    if (
        forgotten
        or not exact.get(kind, False)
        or (mode != "P" and samples != first.samplesperpixel)
    ):
        raise _refused(first)
    decoded, _ = decode_frames(file, plain, 0, max(numbers) + 1)
    dtype = first.dtype.newbyteorder("=") if mode == "I" else decoded[0].dtype
    return [decoded[number].astype(dtype, copy=False) for number in numbers]


def _refused(page: Any) -> InputError:
    return InputError(
        f"its {page.compression.name} compression of {page.photometric.name} {page.dtype} pixels"
        " needs the package imagecodecs installed; or save it uncompressed"
    )


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
                f" decompression bomb; `max_pixels={pixels}` reads it"
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
