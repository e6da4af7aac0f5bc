"""The door for pictures: which decoder reads them, and what is said when it fails."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.files.causes import TELLING, cause
from poolcli.files.images import PILLOW_NAMES, Picture, read_by_pillow
from poolcli.files.notes import AS_USUAL, PictureInput


def read_picture(
    file: BinaryIO, kind: str, max_bytes: int | None = None, wanted: PictureInput = AS_USUAL
) -> Picture:
    """Decode the picture in a seekable file whose first bytes are those of ``kind``.

    Grey is "HW", colour "HWC" with 3 or 4 channels (grey with transparency: 2), animations and
    several pages have "N" before. 1 bit gives bool, 8 bits uint8, 16 bits uint16. Palettes are
    expanded, with their transparency; CMYK becomes RGB where its inks are not ``wanted``; an EXIF
    orientation is applied.

    Raises ``InputError`` without the file's name.
    """
    try:
        with _quiet():
            if kind == "tiff":
                from poolcli.files.tiff import read_tiff

                return read_tiff(file, max_bytes, wanted)
            return read_by_pillow(file, kind, max_bytes, wanted)
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on damaged data
        raise InputError(_reason(error, kind)) from error


def _reason(error: Exception, kind: str) -> str:
    name = {"pnm": "PNM", "webp": "WebP"}.get(kind, PILLOW_NAMES[kind])
    if isinstance(error, TELLING) and type(error).__name__ != "UnidentifiedImageError":
        return f"it cannot be decoded as {name}: {cause(error)}"
    return f"it cannot be decoded as {name}: it is damaged or truncated"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the decoders' warnings from the user; what matters is checked and raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def extension_of(kind: str, array: np.ndarray) -> str:
    """Return the extension that writes the same kind of picture again."""
    if kind == "pnm":
        return ".pbm" if array.dtype == np.bool_ else ".pgm" if array.ndim == 2 else ".ppm"
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")
