"""Pictures as bytes of their formats."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.errors import OutputError
from poolcli.formats import exif, gif, png, pnm
from poolcli.formats.guard import shape_text
from poolcli.formats.limits import (
    cannot_hold,
    listed,
    meaningless,
    other_formats,
    ways_for_channels,
)
from poolcli.formats.metadata import Metadata
from poolcli.formats.settings import DEFAULT_PACKING, Packing
from poolcli.formats.table import picture_support_of

if TYPE_CHECKING:
    from PIL import Image

PNG_LEVEL = 4  # a higher one takes longer for some 2 % less
_JPEG_QUALITY = 95
_WEBP_QUALITY = 90
_JPEG_NOTE = 65500  # a JPEG's note must fit one segment, whose heading counts
_JPEG_PROFILE = 255 * 65500
# What a format has room for: milliseconds of a frame, and times that all are played.
_LONGEST = {"GIF": gif.LONGEST, "WebP": 2**24 - 1, "PNG": 65_535_000}
_MOST_LOOPS = {"GIF": 2**16 - 1, "WebP": 2**16 - 1}
_NO_END = 2**31 - 1
_PILLOW_NAMES = {"PBM": "PPM", "PGM": "PPM", "PNM": "PPM", "WebP": "WEBP"}


def encode_by_pillow(frames: np.ndarray, name: str, metadata: Metadata, packing: Packing) -> bytes:
    """Encode frames of 1 or 8 bits, (N, H, W) or (N, H, W, C), in the format called ``name``."""
    see_through = frames.shape[3:] == (4,) and not (frames[..., 3] == 255).all()
    if see_through and name == "GIF" and not np.isin(frames[..., 3], (0, 255)).all():
        formats = other_formats("uint8", 4, len(frames))
        raise OutputError(
            "GIF pixels are opaque or not at all; `background='white'` puts them on a colour, or"
            f" {formats}",
            code="not_held",
        )
    if name == "WebP" and frames.ndim == 3:
        frames = np.stack([frames] * 3, axis=-1)
    channels = frames.shape[3] if frames.ndim == 4 else 1
    options = _options(name, channels, metadata, packing)
    timing = _timing(len(frames), name, metadata) if len(frames) > 1 else {}
    if timing and see_through and name == "GIF":
        durations = timing.get("duration", [0] * len(frames))
        return gif.encode_frames(frames, durations, timing.get("loop"))
    images = [_image(frame, metadata.cmyk) for frame in frames]
    if timing:
        options |= {"save_all": True, "append_images": images[1:], **timing}
    target = io.BytesIO()
    images[0].save(target, _PILLOW_NAMES.get(name, name), **options)
    if see_through and name == "WebP":
        return _with_alpha_flag(target.getvalue())
    return target.getvalue()


def _with_alpha_flag(webp: bytes) -> bytes:
    """Say that a WebP has transparency.

    libwebp forgets that where it leaves out an edge that nobody sees and all the rest is opaque;
    decoders then take the edge for black.
    """
    data = bytearray(webp)
    if data[12:16] == b"VP8X":
        data[20] |= 0x10
    return bytes(data)


def _image(pixels: np.ndarray, cmyk: bool) -> Image.Image:
    from PIL import Image

    if cmyk:
        height, width = pixels.shape[:2]
        return Image.frombuffer("CMYK", (width, height), pixels, "raw", "CMYK", 0, 1)
    return Image.fromarray(pixels)


def _options(name: str, channels: int, metadata: Metadata, packing: Packing) -> dict[str, Any]:
    """Return what Pillow's encoder is told besides the pixels."""
    options: dict[str, Any] = {}
    if name == "JPEG":
        options = _jpeg_options(metadata, packing)
    elif name == "PNG":
        options["compress_level"] = _png_level(packing)
    elif name == "WebP":
        options = _webp_options(metadata, packing)
    icc = metadata.icc_for(channels, metadata.cmyk)
    if name in ("JPEG", "PNG", "WebP"):
        fits = name != "JPEG"
        if icc is not None and (fits or len(icc) <= _JPEG_PROFILE):
            options["icc_profile"] = icc
        if metadata.exif is not None and (fits or len(metadata.exif) <= _JPEG_NOTE):
            options["exif"] = exif.with_heading(metadata.exif)
        if metadata.xmp is not None and (fits or len(metadata.xmp) <= _JPEG_NOTE):
            options |= _xmp_option(name, metadata.xmp)
    if metadata.dpi is not None and name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = metadata.dpi
    return options


def _jpeg_options(metadata: Metadata, packing: Packing) -> dict[str, Any]:
    if packing.quality is not None:
        return {"quality": packing.quality}
    if metadata.tables:
        # As fine as the picture was: its own tables.
        return {
            "qtables": [list(table) for table in metadata.tables],
            "subsampling": metadata.sampling,
        }
    return {"quality": _JPEG_QUALITY}


def _webp_options(metadata: Metadata, packing: Packing) -> dict[str, Any]:
    options: dict[str, Any] = {
        "exact": True,
        "lossless": packing.quality is None and not metadata.lossy,
    }
    if not options["lossless"]:
        options["quality"] = packing.quality or _WEBP_QUALITY
    if packing.compression is not None:
        options["method"] = int(packing.compression)
    return options


def _xmp_option(name: str, xmp: bytes) -> dict[str, Any]:
    if name != "PNG":
        return {"xmp": xmp}
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return {"pnginfo": chunks}


def _timing(count: int, name: str, metadata: Metadata) -> dict[str, Any]:
    """Return how long each frame is shown and how often all are; for ever where nobody says."""
    if len(metadata.durations) != count:
        return {"loop": 0}
    longest, most = _LONGEST.get(name, _NO_END), _MOST_LOOPS.get(name, _NO_END)
    timing: dict[str, Any] = {
        "duration": [min(round(duration), longest) for duration in metadata.durations]
    }
    if metadata.loop is not None or name != "GIF":
        timing["loop"] = min(metadata.loop or 0, most)
    return timing  # a GIF without the word is played once


def _png_level(packing: Packing) -> int:
    return PNG_LEVEL if packing.compression is None else int(packing.compression)


Pieces = Iterator[bytes | memoryview]


def encode(
    array: np.ndarray,
    extension: str,
    layout: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> Pieces:
    """Return the bytes of a picture file that Pillow writes.

    ``layout`` says what the axes are (None: HW, HWC or NHWC by their number); ``metadata`` is
    written as far as the format has a place for it. Raises ``OutputError`` (without a file name)
    for a dtype, channels or frames that the format lacks, and for a meaningless ``packing``.

    JPEG and colours in GIF are stored approximately, as those formats do; a frame of a GIF, PNG or
    WebP that equals the one before only makes that one last longer.
    """
    frames, name, metadata = _prepared(array, extension, layout, metadata, packing)
    return iter([encode_by_pillow(frames, name, metadata, packing)])


def encode_png(
    array: np.ndarray,
    extension: str,
    layout: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> Pieces:
    """Return the bytes of a PNG, by Pillow where it has frames or one bit; see :func:`encode`."""
    frames, name, metadata = _prepared(array, extension, layout, metadata, packing)
    if len(frames) == 1 and frames.dtype != bool:
        return iter([png.encode(frames[0], _png_level(packing), metadata)])
    if frames.dtype == np.uint16:
        channels = frames.shape[3] if frames.ndim == 4 else 1
        formats = other_formats("uint16", channels, len(frames))
        raise OutputError(
            f"PNG animates 8 bits, the result has uint16; {formats}",
            code="not_held",
        )
    return iter([encode_by_pillow(frames, name, metadata, packing)])


def encode_pnm(
    array: np.ndarray,
    extension: str,
    layout: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> Pieces:
    """Return the bytes of a PBM, PGM or PPM, of 16 bits by our own writer; see :func:`encode`."""
    frames, name, metadata = _prepared(array, extension, layout, metadata, packing)
    if frames.dtype == np.uint16:
        return iter([pnm.encode_deep(frames[0])])
    return iter([encode_by_pillow(frames, name, metadata, packing)])


def _prepared(
    array: np.ndarray,
    extension: str,
    layout: str | None,
    metadata: Metadata | None,
    packing: Packing,
) -> tuple[np.ndarray, str, Metadata]:
    """Return frames that the format can hold, its name, and the metadata for them."""
    pictures = picture_support_of(extension)
    assert pictures is not None, extension
    problem = meaningless(extension, packing)
    if problem is not None:
        raise OutputError(problem)
    metadata = metadata or Metadata()
    frames, channels = _as_frames(array, layout)
    alpha = metadata.alpha and channels in (2, 4)
    cmyk = metadata.cmyk and bool(pictures.cmyk) and channels == 4
    if alpha and channels not in pictures.dtypes and not pictures.every:
        frames, channels = _without_opaque_alpha(frames, channels)
    dtypes = pictures.cmyk if cmyk else pictures.dtypes_of(channels)
    if not dtypes:
        raise OutputError(
            f"{pictures.name} holds {listed(pictures.dtypes)} channel(s), the result has"
            f" {channels} ({shape_text(array.shape)}); "
            + ways_for_channels(pictures, array.dtype.name, channels, len(frames), alpha=alpha),
            code="not_held",
        )
    if array.dtype.name not in dtypes:
        raise OutputError(
            cannot_hold(pictures, array.dtype.name, listed(dtypes), channels, len(frames)),
            code="not_held",
        )
    if len(frames) > 1 and not pictures.many:
        formats = other_formats(array.dtype.name, channels, len(frames))
        raise OutputError(
            f"{pictures.name} holds one picture, the result has {len(frames)}; `grid` puts them"
            f" side by side, or {formats}",
            code="not_held",
        )
    frames = np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
    if channels == 1:
        frames = frames[..., 0]
    return frames, pictures.name, metadata.sized(*frames.shape[1:3])._replace(cmyk=cmyk)


def _without_opaque_alpha(frames: np.ndarray, channels: int) -> tuple[np.ndarray, int]:
    """Drop an alpha channel that makes nothing transparent."""
    if frames.dtype.kind != "u" or (frames[..., -1] != np.iinfo(frames.dtype).max).any():
        return frames, channels
    return frames[..., :-1], channels - 1


def _as_frames(array: np.ndarray, layout: str | None) -> tuple[np.ndarray, int]:
    """Return the array as (frames, height, width, channels), and the number of channels."""
    if layout is None:
        layout = {2: "HW", 3: "HWC", 4: "NHWC"}.get(array.ndim, "")
    drawn = "`grid` puts planes side by side, or " if "W" in layout else ""
    if len(layout) != array.ndim or "D" in layout or not {"H", "W"} <= set(layout):
        raise OutputError(
            f"a picture has height and width, the result is {shape_text(array.shape)}"
            f"{' ' + layout if layout else ''}; {drawn}write .npy or .csv",
            code="not_held",
        )
    if 0 in array.shape:
        raise OutputError(
            f"a picture is not empty, the result is {shape_text(array.shape)}", code="not_held"
        )
    order = [layout.index(letter) for letter in "NHWC" if letter in layout]
    frames = array.transpose(order)
    if "N" not in layout:
        frames = frames[None]
    if "C" not in layout:
        frames = frames[..., None]
    return frames, frames.shape[3]
