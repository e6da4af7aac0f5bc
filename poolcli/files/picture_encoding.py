"""Pixels and notes as the bytes of a picture file: Pillow encodes, tifffile TIFF."""

import io
from typing import Any

import numpy as np

from poolcli.errors import OutputError
from poolcli.files import exif, gif, png, pnm
from poolcli.files.notes import Notes, PictureOutput

PNG_LEVEL = 4  # a third of the time of Pillow's 6, for some 5 % more bytes
_JPEG_QUALITY = 95
_WEBP_QUALITY = 90
_JPEG_NOTE = 65500  # a JPEG's note must fit one segment, whose heading counts
_JPEG_PROFILE = 255 * 65500
# What a format has room for: milliseconds of a frame, and times that all are played.
_LONGEST = {"GIF": gif.LONGEST, "WebP": 2**24 - 1, "PNG": 65_535_000}
_MOST_LOOPS = {"GIF": 2**16 - 1, "WebP": 2**16 - 1}
_NO_END = 2**31 - 1
_PILLOW_NAMES = {"PBM": "PPM", "PGM": "PPM", "PNM": "PPM", "WebP": "WEBP"}


def encode_by_pillow(frames: np.ndarray, name: str, notes: Notes, how: PictureOutput) -> bytes:
    """Encode frames of 1 or 8 bits, (N, H, W) or (N, H, W, C), in the format called ``name``."""
    see_through = frames.shape[3:] == (4,) and not (frames[..., 3] == 255).all()
    if see_through and name == "GIF" and not np.isin(frames[..., 3], (0, 255)).all():
        raise OutputError("GIF pixels are opaque or not at all; write .png or .webp")
    if name == "WebP" and frames.ndim == 3:
        frames = np.stack([frames] * 3, axis=-1)
    channels = frames.shape[3] if frames.ndim == 4 else 1
    options = _options(name, channels, notes, how)
    timing = _timing(len(frames), name, notes) if len(frames) > 1 else {}
    if timing and see_through and name == "GIF":
        durations = timing.get("duration", [0] * len(frames))
        return gif.encode_frames(frames, durations, timing.get("loop"))
    images = [_image(frame, notes.inks) for frame in frames]
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


def _image(pixels: np.ndarray, inks: bool) -> Any:
    from PIL import Image

    if inks:
        height, width = pixels.shape[:2]
        return Image.frombuffer("CMYK", (width, height), pixels, "raw", "CMYK", 0, 1)
    return Image.fromarray(pixels)


def _options(name: str, channels: int, notes: Notes, how: PictureOutput) -> dict[str, Any]:
    """Return what Pillow's encoder is told besides the pixels."""
    options: dict[str, Any] = {}
    if name == "JPEG":
        options = _jpeg_options(notes, how)
    elif name == "PNG":
        options["compress_level"] = _png_level(how)
    elif name == "WebP":
        options = _webp_options(notes, how)
    icc = notes.icc_for(channels, notes.inks)
    if name in ("JPEG", "PNG", "WebP"):
        fits = name != "JPEG"
        if icc is not None and (fits or len(icc) <= _JPEG_PROFILE):
            options["icc_profile"] = icc
        if notes.exif is not None and (fits or len(notes.exif) <= _JPEG_NOTE):
            options["exif"] = exif.with_heading(notes.exif)
        if notes.xmp is not None and (fits or len(notes.xmp) <= _JPEG_NOTE):
            options |= _xmp_option(name, notes.xmp)
    if notes.dpi is not None and name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = notes.dpi
    return options


def _jpeg_options(notes: Notes, how: PictureOutput) -> dict[str, Any]:
    if how.quality is not None:
        return {"quality": how.quality}
    if notes.tables:
        # As fine as the picture was: its own tables.
        return {"qtables": [list(table) for table in notes.tables], "subsampling": notes.sampling}
    return {"quality": _JPEG_QUALITY}


def _webp_options(notes: Notes, how: PictureOutput) -> dict[str, Any]:
    options: dict[str, Any] = {"exact": True, "lossless": how.quality is None and not notes.lossy}
    if not options["lossless"]:
        options["quality"] = how.quality or _WEBP_QUALITY
    if how.compression is not None:
        options["method"] = int(how.compression)
    return options


def _xmp_option(name: str, xmp: bytes) -> dict[str, Any]:
    if name != "PNG":
        return {"xmp": xmp}
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    return {"pnginfo": chunks}


def _timing(count: int, name: str, notes: Notes) -> dict[str, Any]:
    """Return how long each frame is shown and how often all are; for ever where nobody says."""
    if len(notes.durations) != count:
        return {"loop": 0}
    longest, most = _LONGEST.get(name, _NO_END), _MOST_LOOPS.get(name, _NO_END)
    timing: dict[str, Any] = {
        "duration": [min(round(duration), longest) for duration in notes.durations]
    }
    if notes.loop is not None or name != "GIF":
        timing["loop"] = min(notes.loop or 0, most)
    return timing  # a GIF without the word is played once


def encode_deep(frames: np.ndarray, name: str, notes: Notes, how: PictureOutput) -> bytes:
    """Encode one frame of 16 bits as PNG, PGM or PPM."""
    if name != "PNG":
        return pnm.encode_deep(frames[0])
    if len(frames) > 1:
        raise OutputError("PNG animates 8 bits, the result has uint16; write .tif or .npy")
    return png.encode_deep(frames[0], _png_level(how), notes)


def _png_level(how: PictureOutput) -> int:
    return PNG_LEVEL if how.compression is None else int(how.compression)


def encode_tiff(frames: np.ndarray, notes: Notes, how: PictureOutput) -> bytes:
    """Encode frames of any dtype and number of channels, a page each."""
    import tifffile

    from poolcli.files.tiff_notes import add_notes, byte_order

    channels = frames.shape[3] if frames.ndim == 4 else 1
    big = frames.nbytes > 2**32 - 2**25
    packed = how.compression == "deflate" or (how.compression is None and notes.packed)
    colour = "separated" if notes.inks else "rgb" if channels in (3, 4) else "minisblack"
    alpha = channels in (2, 4) and not notes.inks
    target = io.BytesIO()
    with tifffile.TiffWriter(target, bigtiff=big, byteorder=byte_order(notes)) as writer:
        for frame in frames:
            writer.write(
                frame,
                photometric=colour,
                planarconfig="contig" if channels > 1 else None,
                extrasamples=["unassalpha"] if alpha else None,
                compression="zlib" if packed and frame.dtype.kind != "b" else None,
                iccprofile=notes.icc_for(channels, notes.inks),
                resolution=notes.dpi,
                metadata=None,
                extratags=() if notes.geo is None else notes.geo.extra_tags(),
                contiguous=False,
            )
    return target.getvalue() if big else add_notes(target.getvalue(), notes)
