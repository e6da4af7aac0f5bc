"""What a picture file says besides its pixels."""

from __future__ import annotations

import os
import re
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from poolcli.formats import exif

if TYPE_CHECKING:
    from poolcli.formats.geotiff import GeoTags
    from poolcli.formats.tiff_stack import Stack

_ICC_SPACES = {b"GRAY": (1, 2), b"RGB ": (3, 4), b"CMYK": (4,)}
_XMP_ORIENTATION = rb"""(tiff:Orientation(?:=["']|>)\s*)[1-8]"""


class Stored(NamedTuple):
    """How a TIFF has its pixels: in tiles of so many rows and columns, or in strips; packed by a
    compression and a predictor, by their numbers; ``planar``: each colour in a plane of its own.
    """

    tile: tuple[int, int] | None = None
    compression: int = 1
    predictor: int = 1
    planar: bool = False


class Metadata(NamedTuple):
    """What came with the pixels of a picture, to be written again with those of its result.

    mode: Pillow's name for how the pixels are stored: "L", "RGBA", "P", "CMYK", ...
    alpha: the last channel says how opaque the others are
    cmyk: the channels are cyan, magenta, yellow and black
    icc, exif, xmp: as stored, upright; exif is the TIFF structure itself, without a heading
    dpi: horizontal and vertical pixels per inch
    durations: of the frames, in milliseconds; loop: how often to play them, 0 for ever
    tables, sampling: a JPEG's quantisation and subsampling, which make its quality
    lossy: a WebP that is
    stored: how a TIFF has its pixels; stack: what its pages are together
    geo: where on the earth the pixels of a TIFF lie, and which value means missing
    """

    mode: str = ""
    alpha: bool = False
    cmyk: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    durations: tuple[float, ...] = ()
    loop: int | None = None
    tables: tuple[tuple[int, ...], ...] = ()
    sampling: int = -1
    lossy: bool = False
    stored: Stored | None = None
    stack: Stack | None = None
    geo: GeoTags | None = None

    def icc_for(self, channels: int, cmyk: bool) -> bytes | None:
        """Return the profile where it describes pixels of so many channels, else None."""
        if self.icc is None or cmyk != (self.icc[16:20] == b"CMYK"):
            return None
        return self.icc if channels in _ICC_SPACES.get(self.icc[16:20], ()) else None

    def without_colours(self) -> Metadata:
        """Return what is still true of the picture in other colours."""
        return Metadata(exif=self.exif, xmp=self.xmp, dpi=self.dpi)

    def sized(self, height: int, width: int) -> Metadata:
        """Return the metadata of a picture of this size."""
        if self.exif is None:
            return self
        from poolcli.formats.exif import with_size  # late: few pictures have any

        return self._replace(exif=with_size(self.exif, height, width))


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


_XMP, _ICC = 700, 34675
# Description, make, model, software, date, artist, copyright: what is true of the result, too.
_DESCRIPTION, _SOFTWARE = 270, 305
_KEPT = (_DESCRIPTION, 271, 272, _SOFTWARE, 306, 315, 33432)
# Programs whose description (or name as the software) says of which shape the pages are together,
# and is gone by.
_SHAPING = (
    *("shaped", "imagej", "ome", "scn", "svs", "qpi", "bif", "philips", "indica", "metaseries"),
    *("scanimage", "astrotiff"),
)
_X, _Y, _UNIT = 282, 283, 296
_INCHES = {2: 1.0, 3: 2.54}  # by unit, how many pixels per inch one per unit is
_PREMULTIPLIED, _STRAIGHT = 1, 2
_PLANAR = 2


def metadata_of(file: BinaryIO, page: Any) -> Metadata:
    """Return the metadata of a page that tifffile has opened."""
    xmp = page.tags.valueof(_XMP)
    icc = page.tags.valueof(_ICC)
    return Metadata(
        mode=page.photometric.name if hasattr(page.photometric, "name") else "",
        alpha=page.samplesperpixel in (2, 4)
        and page.extrasamples in ((_PREMULTIPLIED,), (_STRAIGHT,)),
        icc=sound_icc(icc.tobytes() if isinstance(icc, np.ndarray) else icc),
        exif=_exif_of(file, page),
        xmp=upright_xmp(xmp.tobytes() if isinstance(xmp, np.ndarray) else xmp),
        dpi=_dpi_of(page),
        stored=Stored(
            tile=(page.tilelength, page.tilewidth) if page.is_tiled else None,
            compression=int(page.compression),
            predictor=int(page.predictor),
            planar=page.planarconfig == _PLANAR and page.samplesperpixel > 1,
        ),
    )


def _exif_of(file: BinaryIO, page: Any) -> bytes | None:
    """Return the page's tags as EXIF; None for those of a BigTIFF, which EXIF cannot address."""
    file.seek(0)
    head = file.read(4)
    if head not in (b"II*\0", b"MM\0*"):
        return None

    def fetch(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    order = exif.order_of(head)
    try:
        found = exif.read_structure(fetch, order, page.offset)
    except exif.Damaged:
        return None
    shaped = any(getattr(page, f"is_{program}", False) for program in _SHAPING)
    stale = (_DESCRIPTION, _SOFTWARE) if shaped else ()
    main = {tag: entry for tag, entry in found.main.items() if tag in _KEPT and tag not in stale}
    return exif.build(found._replace(main=main))


def _dpi_of(page: Any) -> tuple[float, float] | None:
    factor = _INCHES.get(page.tags.valueof(_UNIT, 2))
    if factor is None:
        return None
    found = []
    for tag in (_X, _Y):
        value = page.tags.valueof(tag)
        if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
            return None
        found.append(value[0] / value[1] * factor)
    return found[0], found[1]


def unmultiplied(array: np.ndarray) -> np.ndarray:
    """Return pixels whose alpha, the last channel, is no longer multiplied into the others."""
    peak = 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)
    alpha = array[..., -1:].astype(np.float64)
    colours = array[..., :-1] * np.divide(peak, alpha, out=np.zeros_like(alpha), where=alpha > 0)
    if array.dtype.kind != "f":
        colours = np.rint(np.minimum(colours, peak))
    result = array.copy()
    result[..., :-1] = colours
    return result


def add_metadata(readable: BinaryIO, file: BinaryIO, metadata: Metadata) -> None:
    """Add EXIF and XMP to the first page of a classic TIFF, which is open to be read and written.

    The page's directory is written anew at the end, where its values have room, and what comes
    from EXIF is in the same byte order: ``byte_order`` says which one to write the TIFF in.
    """
    main: exif.Directory = {}
    below: dict[int, exif.Directory] = {}
    if metadata.exif is not None:
        try:
            found = exif.parse(metadata.exif)
        except exif.Damaged:
            found = exif.Structure("<", {}, {})
        main = {tag: entry for tag, entry in found.main.items() if tag in _KEPT}
        below = found.below
    if metadata.xmp is not None:
        main[_XMP] = exif.Entry(exif.BYTE, len(metadata.xmp), metadata.xmp)
    if not main and not below:
        return

    def fetch(offset: int, size: int) -> bytes:
        readable.seek(offset)
        return readable.read(size)

    head = fetch(0, 8)
    order = exif.order_of(head)
    (first,) = struct.unpack_from(order + "I", head, 4)
    page = exif.read_directory(fetch, order, first)
    (count,) = struct.unpack(order + "H", fetch(first, 2))
    (following,) = struct.unpack(order + "I", fetch(first + 2 + 12 * count, 4))
    end = readable.seek(0, os.SEEK_END)
    end += end % 2
    file.seek(end)
    file.write(exif.pack(exif.Structure(order, page | main, below), end, following))
    file.seek(4)
    file.write(struct.pack(order + "I", end))


def byte_order(metadata: Metadata) -> Literal["<", ">"]:
    """Return the byte order that a TIFF with this metadata is to be written in."""
    return "<" if metadata.exif is None or exif.order_of(metadata.exif) == "<" else ">"
