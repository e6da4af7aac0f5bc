"""PNG beyond what Pillow does: checksums, 16 bits a channel, which it would cut to 8, and speed."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.metadata import Metadata

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEEP = {"I;16B": 1, "LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}  # Pillow's names -> channels
_SHALLOW = {"L;2": 4, "L;4": 16}
_INCH = 0.0254  # metres
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> PNG colour type
_LONGEST_CHUNK = 2**30  # PNG has room for 2**31 - 1


def check_checksums(file: BinaryIO) -> None:
    """Compare the checksums of all chunks that make up the picture; Pillow skips the pixels'."""
    file.seek(len(SIGNATURE))
    name = b""
    while name != b"IEND":
        head = file.read(8)
        if len(head) < 8:
            raise InputError("it cannot be decoded as PNG: it is truncated")
        length, name = struct.unpack(">I4s", head)
        body = file.read(length) if length < 2**31 else b""
        tail = file.read(4)
        if len(body) < length or len(tail) < 4:
            raise InputError("it cannot be decoded as PNG: it is truncated")
        needed = name[:1].isupper() or name in (b"fdAT", b"fcTL", b"tRNS")
        if needed and zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(tail):
            raise InputError(f"it cannot be decoded as PNG: the checksum of {_shown(name)} differs")


def _shown(name: bytes) -> str:
    return ascii(name.decode("latin-1"))


def is_deep(image: ImageFile) -> bool:
    """Tell whether a PNG that Pillow has opened has 16 bits a channel."""
    return bool(image.tile) and image.tile[0].args in _DEEP


def scale_transparent_grey(image: ImageFile) -> None:
    """Give the transparent grey of 2 or 4 bits as Pillow gives the pixels: from 0 to 255.

    Pillow leaves it as it is stored, and then finds no pixel of it.
    """
    levels = _SHALLOW.get(str(image.tile[0].args)) if image.tile else None
    key = image.info.get("transparency")
    if levels is not None and isinstance(key, int) and key < levels:
        image.info["transparency"] = key * 255 // (levels - 1)


def channels_of_deep(image: ImageFile) -> int:
    """Tell how many channels :func:`read_deep` will give."""
    has_key = _transparent_colour(image) is not None
    return _DEEP[str(image.tile[0].args)] + has_key


def _transparent_colour(image: ImageFile) -> int | tuple[int, ...] | None:
    key: Any = image.info.get("transparency")
    return None if isinstance(key, bytes) else key


def read_deep(file: BinaryIO) -> np.ndarray:
    """Decode a 16-bit PNG as uint16, (H, W) or (H, W, 2 to 4); a transparent colour gives alpha."""
    import imagecodecs

    file.seek(0)
    return np.asarray(imagecodecs.png_decode(file.read()))


def encode(pixels: np.ndarray, level: int, metadata: Metadata) -> bytes:
    """Return a PNG of uint8 or uint16 pixels, (H, W) or (H, W, 2 to 4), packed at a level 0 to 9.

    Every row is stored as its differences from the one above, and packed by libdeflate. Pillow
    tries five kinds of differences for each row and packs by zlib: three times the time, for files
    of about the same size.
    """
    import imagecodecs

    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    bits = 8 * pixels.dtype.itemsize
    rows: Any = _differences(pixels)  # any buffer will do, which its types do not say
    packed = memoryview(imagecodecs.deflate_encode(rows, level=level))
    head = struct.pack(">IIBBBBB", width, height, bits, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks: list[tuple[bytes, bytes | memoryview]] = [(b"IHDR", head)]
    chunks += _metadata_chunks(metadata, channels)
    chunks += [
        (b"IDAT", packed[start : start + _LONGEST_CHUNK])
        for start in range(0, len(packed), _LONGEST_CHUNK)
    ]
    chunks.append((b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _differences(pixels: np.ndarray) -> np.ndarray:
    """Return the rows as PNG stores them: the number of the filter "up", and the differences."""
    big_endian = pixels.dtype.newbyteorder(">")
    stored = np.ascontiguousarray(pixels, big_endian).reshape(len(pixels), -1).view(np.uint8)
    rows = np.empty((len(stored), 1 + stored.shape[1]), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = stored[0]
    np.subtract(stored[1:], stored[:-1], out=rows[1:, 1:])
    return rows


def _metadata_chunks(metadata: Metadata, channels: int) -> list[tuple[bytes, bytes | memoryview]]:
    chunks: list[tuple[bytes, bytes | memoryview]] = []
    icc = metadata.icc_for(channels, False)
    if icc is not None:
        chunks.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if metadata.dpi is not None:
        x, y = (round(dots / _INCH) for dots in metadata.dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", x, y, 1)))
    if metadata.exif is not None:
        chunks.append((b"eXIf", metadata.exif))
    if metadata.xmp is not None:
        chunks.append((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    return chunks


def _chunk(name: bytes, data: bytes | memoryview) -> bytes:
    check = zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", len(data)), name, data, struct.pack(">I", check)))
