"""The TIFF format: pages that are checked before they are read."""

import logging
import math
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from poolcli.engine.arrays import read_whole
from poolcli.engine.chunks import ChunkedInput
from poolcli.errors import InputError
from poolcli.formats import exif
from poolcli.formats.base import Decoded, Source
from poolcli.formats.geotiff import geo_of
from poolcli.formats.guard import check_count, check_memory, shape_text, size_text
from poolcli.formats.image import (
    Header,
    Picture,
    PictureFile,
    check_frames,
    decode_frames,
    mode_to_read,
    open_image,
    quiet,
    upright,
)
from poolcli.formats.metadata import Metadata, metadata_of
from poolcli.formats.settings import Reading
from poolcli.formats.tiff_reader import Sheets, TiffPixels, can_decode
from poolcli.formats.tiff_stack import arranged

GREY_OR_RGB = {0, 1, 2}  # photometric: white is zero, black is zero, RGB
CMYK = 5  # photometric: separated
_PREMULTIPLIED = 1  # an extra sample that is alpha, and multiplied into the others
_PACKBITS = 32773  # a compression
_ONE_AT_A_TIME = threading.Lock()
# Photometric, bits and samples of what Pillow turns into RGB of 8 bits: palettes, CMYK, YCbCr.
_BECOMES_RGB = {(3, 8, 1), (CMYK, 8, 4), (6, 8, 3)}
_PLANES = ("SYX", "YX", "YXS")  # axes of a page
_REDUCED = 1  # a page that is a smaller version of another


STREAMED = 1 << 24
"""Pictures up to this size are read whole."""


class TiffFile(PictureFile):
    """A TIFF file: "HW" or "HWC", with "N" before when there are several pages.

    Where OME or ImageJ say more of the pages, frames are "N", channels "C" and depth is "D".
    """

    def sources(self) -> Iterator[Source]:
        """Give the picture; a large one is read in tiles, or some rows at a time, if it can be."""
        header = self._header
        if header is None or math.prod(header.shape) * header.dtype.itemsize <= STREAMED:
            yield from super().sources()
            return
        stored = self._stored()
        if stored is None:
            yield from super().sources()
            return
        pixels, metadata = stored
        chunks = tuple(pixels.chunks[axis] for axis in pixels.axes)
        info, max_bytes = self._info(header), self.opened.reading.max_bytes
        yield Source(info, lambda: Decoded(pixels, metadata), chunks, max_bytes)

    def _stored(self) -> tuple[ChunkedInput, Metadata] | None:
        """Give the pixels as they are stored; None where they are seen another way."""
        file, settings = self.opened.file, self.opened.reading
        with quiet(), _opened(file, settings) as pages:
            if not _goes_by_chunks(pages, settings):
                return None
            pixels = _pixels_of(file, pages, arranged(pages)[0]).stored(settings.max_bytes)
            return pixels, _metadata_of(file, pages, settings)

    def header(self) -> Header | None:
        """Read what the headers tell; None where that is not all."""
        return header_of(self.opened.file, self.opened.reading)

    def decode(self) -> Picture:
        """Decode every page."""
        return read_tiff(self.opened.file, self.opened.reading)

    def most(self) -> int:
        """About how many bytes its pixels have at most."""
        import tifffile

        self.opened.file.seek(0)
        with tifffile.TiffFile(self.opened.file) as tiff:
            page: Any = tiff.pages[0]
            samples = len(tiff.pages) * page.imagelength * page.imagewidth
            samples *= max(4, page.samplesperpixel)
            return int(samples * (1 if page.dtype is None else page.dtype.itemsize))


def read_tiff(file: BinaryIO, wanted: Reading) -> Picture:
    """Read every page that is a picture in its own right."""
    with _opened(file, wanted) as pages:
        first = pages[0]
        check_memory(2 * sum(page.nbytes for page in pages), wanted.max_bytes)
        metadata = _metadata_of(file, pages, wanted)
        if _is_as_stored(first, wanted):
            if first.bitspersample == 1 and first.samplesperpixel > 1:
                raise InputError(
                    f"it has {first.samplesperpixel} channels of 1 bit; save it with 8 bits"
                )
            if first.axes not in _PLANES:
                raise InputError(
                    f"a page has axes {first.axes}; pictures (rows, columns, colours) are read"
                )
        sheets, _ = arranged(pages)
        if _is_as_stored(first, wanted) and can_decode(first):
            array = read_whole(_pixels_of(file, pages, sheets).stored())
            turned = first.tags.valueof(exif.ORIENTATION, 1)
            array = upright(array, turned, len(sheets.letters))
        else:
            with _silent_stderr():
                arrays = _read_by_pillow(file, pages, wanted)
            array = np.stack([arrays[number] for number in sheets.numbers])
            array = array.reshape(*sheets.shape, *arrays[0].shape)
            has_alpha = arrays[0].ndim == 3 and arrays[0].shape[2] in (2, 4)
            cmyk = metadata.cmyk and array.shape[-1] == 4
            metadata = metadata._replace(cmyk=cmyk, alpha=has_alpha and not cmyk)
    colours = "C" if array.ndim - len(sheets.letters) == 3 else ""
    return Picture(array, f"{sheets.letters}HW{colours}", metadata)


def _pixels_of(file: BinaryIO, pages: list[Any], sheets: Sheets) -> TiffPixels:
    premultiplied = pages[0].extrasamples == (_PREMULTIPLIED,)
    return TiffPixels(file, pages, sheets, premultiplied=premultiplied)


def _metadata_of(file: BinaryIO, pages: list[Any], wanted: Reading) -> Metadata:
    """Give what the pages say besides their pixels, as these are stored."""
    _, stack = arranged(pages)
    metadata = metadata_of(file, pages[0])._replace(geo=geo_of(pages), stack=stack)
    cmyk = wanted.cmyk and _is_cmyk(pages[0])
    return metadata._replace(cmyk=cmyk, alpha=metadata.alpha and not cmyk)


def _is_cmyk(page: Any) -> bool:
    return bool(page.photometric == CMYK and page.samplesperpixel == 4)


def _is_as_stored(page: Any, wanted: Reading) -> bool:
    """Whether pixels are wanted as they are, or the other way round, and not as other colours."""
    return page.photometric in GREY_OR_RGB or (wanted.cmyk and _is_cmyk(page))


def _goes_by_chunks(pages: list[Any], wanted: Reading) -> bool:
    """Whether pixels can be decoded part by part, in their order."""
    first = pages[0]
    split = first.planarconfig == 2 and first.samplesperpixel > 1
    return (
        _is_as_stored(first, wanted)
        and first.axes in _PLANES
        and first.tags.valueof(exif.ORIENTATION, 1) == 1
        and not (split and first.extrasamples == (_PREMULTIPLIED,))
        and can_decode(first)
    )


@contextmanager
def _opened(file: BinaryIO, wanted: Reading) -> Iterator[list[Any]]:
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
        check_pages(tiff, pages, size, wanted)
        yield pages


def header_of(file: BinaryIO, wanted: Reading) -> Header | None:
    """Return shape, layout, dtype and the value that means missing of what ``read_tiff`` gives.

    None where that shows only when it is decoded.
    """
    with _opened(file, wanted) as pages:
        first, geo = pages[0], geo_of(pages)
        if _is_as_stored(first, wanted):
            channels, dtype = first.samplesperpixel, first.dtype.newbyteorder("=")
        elif (first.photometric, first.bitspersample, first.samplesperpixel) in _BECOMES_RGB:
            channels, dtype = 3, np.dtype(np.uint8)
        else:
            return None
        if first.axes not in _PLANES:
            return None
        plane: tuple[int, ...] = (first.imagelength, first.imagewidth)
        if first.tags.valueof(exif.ORIENTATION, 1) in (5, 6, 7, 8):
            plane = plane[::-1]
        sheets, _ = arranged(pages)
        colours = () if channels == 1 else (channels,)
        shape = (*sheets.shape, *plane, *colours)
        layout = f"{sheets.letters}HW{'C' if colours else ''}"
        return Header(shape, dtype, layout, None if geo is None else geo.missing(dtype))


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


def _read_by_pillow(file: BinaryIO, pages: list[Any], wanted: Reading) -> list[np.ndarray]:
    """Decode by Pillow, where it keeps all bits; it turns the pages upright by itself."""
    from PIL import UnidentifiedImageError
    from PIL.Image import getmodebands

    first = pages[0]
    bits, kind = first.bitspersample, first.dtype.kind
    numbers = [page.index for page in pages]
    try:
        with open_image(file, "TIFF", wanted.max_pixels) as image:
            check_frames(image.size, len(pages), wanted.max_bytes)
            mode = image.mode
            plain = mode_to_read(image, wanted.cmyk)
    except UnidentifiedImageError as error:
        raise _refused(first) from error
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
        " is not read; save it uncompressed"
    )


_MAX_PAGES = 100_000
_NONE = 1  # compression
_BOMB_BYTES, _BOMB_RATIO = 2**28, 5000  # denser than deflate and LZW ever pack
_DENSE_RATIO = 100  # denser than pictures of something are packed


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


def check_pages(tiff: Any, pages: list[Any], size: int, wanted: Reading) -> None:
    """Refuse pages that differ, are cut off, or claim more than they can hold.

    Many pixels are no harm where they need not be in memory all at once, and as long as it takes a
    large file to claim them.
    """
    first, max_pixels = pages[0], wanted.max_pixels
    dense = first.nbytes > _DENSE_RATIO * sum(first.databytecounts)
    if max_pixels is not None or dense or not _goes_by_chunks(pages, wanted):
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
