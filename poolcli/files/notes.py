"""What a picture file says besides its pixels, and how pictures are read and packed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from poolcli.files.geotiff import GeoTags

_ICC_SPACES = {b"GRAY": (1, 2), b"RGB ": (3, 4), b"CMYK": (4,)}
_XMP_ORIENTATION = rb"""(tiff:Orientation(?:=["']|>)\s*)[1-8]"""


class Notes(NamedTuple):
    """What came with the pixels of a picture, to be written again with those of its result.

    mode: Pillow's name for how the pixels are stored: "L", "RGBA", "P", "CMYK", ...
    alpha: the last channel says how opaque the others are
    inks: the channels are cyan, magenta, yellow and black
    icc, exif, xmp: as stored, upright; exif is the TIFF structure itself, without a heading
    dpi: horizontal and vertical pixels per inch
    durations: of the frames, in milliseconds; loop: how often to play them, 0 for ever
    tables, sampling: a JPEG's quantisation and subsampling, which make its quality
    lossy: a WebP that is; packed: a TIFF that is compressed
    geo: where on the earth the pixels of a TIFF lie, and which value means missing
    """

    mode: str = ""
    alpha: bool = False
    inks: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    durations: tuple[float, ...] = ()
    loop: int | None = None
    tables: tuple[tuple[int, ...], ...] = ()
    sampling: int = -1
    lossy: bool = False
    packed: bool = False
    geo: GeoTags | None = None

    def icc_for(self, channels: int, inks: bool) -> bytes | None:
        """Return the profile where it describes pixels of so many channels, else None."""
        if self.icc is None or inks != (self.icc[16:20] == b"CMYK"):
            return None
        return self.icc if channels in _ICC_SPACES.get(self.icc[16:20], ()) else None

    def sized(self, height: int, width: int) -> Notes:
        """Return the notes of a picture of this size."""
        if self.exif is None:
            return self
        from poolcli.files.exif import with_size  # late: few pictures have any

        return self._replace(exif=with_size(self.exif, height, width))


class PictureInput(NamedTuple):
    """How pictures are to be read.

    max_pixels: refuse larger pictures as possible decompression bombs; None: 178 956 970
    inks: give CMYK as its four channels instead of turning it into RGB
    """

    max_pixels: int | None = None
    inks: bool = False


AS_USUAL = PictureInput()


class PictureOutput(NamedTuple):
    """How pictures are to be packed: quality 1 to 100, and a compression that the format knows."""

    quality: int | None = None
    compression: str | None = None


def sound_icc(data: object) -> bytes | None:
    """Return an ICC profile whose header is in order; None for anything else."""
    if not isinstance(data, bytes) or len(data) < 128 or data[36:40] != b"acsp":
        return None
    size = int.from_bytes(data[:4])
    return data[:size] if 128 <= size <= len(data) else None


def upright_xmp(data: object) -> bytes | None:
    """Return XMP that says no longer that the picture must be turned; None if there is none."""
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    if not isinstance(data, bytes) or not data:
        return None
    return re.sub(_XMP_ORIENTATION, rb"\g<1>1", data)
