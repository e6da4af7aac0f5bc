"""Pictures as bytes of their formats."""

import io
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from poolcli.errors import OutputError
from poolcli.formats import exif, gif, png16, pnm
from poolcli.formats.guard import shape_text
from poolcli.formats.metadata import Notes, PictureOutput

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
    return png16.encode_deep(frames[0], _png_level(how), notes)


def _png_level(how: PictureOutput) -> int:
    return PNG_LEVEL if how.compression is None else int(how.compression)


def encode_tiff(frames: np.ndarray, notes: Notes, how: PictureOutput) -> bytes:
    """Encode frames of any dtype and number of channels, a page each."""
    import tifffile

    from poolcli.formats.metadata import add_notes, byte_order

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


DEFAULT = PictureOutput()
_BOOL, _U8, _U16 = "bool", "uint8", "uint16"


class Holds(NamedTuple):
    """What a format can hold: dtypes by number of channels, and whether several frames.

    ``inks``: CMYK as well. ``compressions`` are the ways to pack the same values, and with
    ``quality`` they may be packed approximately. ``places``: it says where pixels lie on the earth.
    """

    name: str
    dtypes: dict[int, tuple[str, ...]]
    every: tuple[str, ...] = ()  # dtypes for every other number of channels
    many: bool = False
    inks: bool = False
    quality: bool = False
    compressions: tuple[str, ...] = ()
    places: bool = False

    def has(self, channels: int) -> bool:
        """Whether it holds pictures of so many channels."""
        return bool(self.dtypes.get(channels, self.every))


_PNG = Holds(
    "PNG",
    {1: (_BOOL, _U8, _U16), 2: (_U8, _U16), 3: (_U8, _U16), 4: (_U8, _U16)},
    many=True,
    compressions=tuple("0123456789"),
)
_JPEG = Holds("JPEG", {1: (_U8,), 3: (_U8,)}, inks=True, quality=True)
_WIDE = ("uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_TIFF = Holds(
    "TIFF",
    {1: (_BOOL, _U8, _U16, *_WIDE)},
    every=(_U8, _U16, *_WIDE),
    many=True,
    inks=True,
    compressions=("none", "deflate"),
    places=True,
)

FORMATS = {
    ".png": _PNG,
    ".apng": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".gif": Holds("GIF", {1: (_U8,), 3: (_U8,), 4: (_U8,)}, many=True),
    ".bmp": Holds("BMP", {1: (_BOOL, _U8), 3: (_U8,)}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    # WebP has no grey: its three channels are then equal.
    ".webp": Holds(
        "WebP",
        {1: (_U8,), 3: (_U8,), 4: (_U8,)},
        many=True,
        quality=True,
        compressions=tuple("0123456"),
    ),
    ".pbm": Holds("PBM", {1: (_BOOL,)}),
    ".pgm": Holds("PGM", {1: (_U8, _U16)}),
    ".ppm": Holds("PPM", {3: (_U8, _U16)}),
    ".pnm": Holds("PNM", {1: (_BOOL, _U8, _U16), 3: (_U8, _U16)}),
}


def target_dtype(extension: str, source: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the dtype that a result of a ``source`` array must have in this kind of file.

    None stands for any (.npy, .npz and text hold all). Pictures keep bool, uint8, uint16 (and in
    TIFF every number) where the format holds them; other whole numbers must fit uint8. Raises
    ``OutputError`` where values would have to be scaled or cut first.

    >>> target_dtype(".png", np.dtype(">u2"))
    dtype('uint16')
    """
    holds = FORMATS.get(extension.lower())
    if holds is None:
        return None
    names = set(holds.every).union(*holds.dtypes.values())
    if source.name in names:
        return np.dtype(source.name)
    if source.kind in "iu" and source.name != _U16 and _U8 in names:
        return np.dtype(np.uint8)
    raise OutputError(_cannot_hold(holds, source.name, _listed(sorted(names))))


def meaningless(extension: str, how: PictureOutput) -> str | None:
    """Say which of the wishes in ``how`` this kind of file has no use for; None where all is well.

    >>> meaningless(".png", PictureOutput(quality=80))
    'PNG loses nothing and has no quality; leave `quality` out, or write .jpg or .webp'
    """
    holds = FORMATS.get(extension.lower())
    name = extension.removeprefix(".") if holds is None else holds.name
    if how.quality is not None:
        if holds is None or not holds.quality:
            return (
                f"{name} loses nothing and has no quality; leave `quality` out, or write"
                " .jpg or .webp"
            )
        if not 1 <= how.quality <= 100:
            return f"`quality` {how.quality}: must be from 1 to 100"
    if how.compression is not None:
        known = () if holds is None else holds.compressions
        if not known:
            return (
                f"{name} has no `compression` to choose; .png has 0 to 9, .webp 0 to 6,"
                " .tif none or deflate"
            )
        if how.compression not in known:
            return f"`compression` {how.compression}: {name} has {_listed(known)}"
    return None


def encode_picture(
    array: np.ndarray,
    extension: str,
    layout: str | None = None,
    notes: Notes | None = None,
    how: PictureOutput = DEFAULT,
) -> bytes:
    """Return the bytes of a picture file.

    ``layout`` says what the axes are (None: HW, HWC or NHWC by their number); ``notes`` are written
    as far as the format has a place for them. Raises ``OutputError`` (without a file name) for a
    dtype, channels or frames that the format lacks, and for a meaningless ``how``.

    JPEG and colours in GIF are stored approximately, as those formats do; a frame of a GIF, PNG or
    WebP that equals the one before only makes that one last longer.
    """
    holds = FORMATS[extension]
    problem = meaningless(extension, how)
    if problem is not None:
        raise OutputError(problem)
    notes = notes or Notes()
    frames, channels = _as_frames(array, layout)
    inks = notes.inks and holds.inks and channels == 4
    if notes.alpha and channels in (2, 4) and channels not in holds.dtypes and not holds.every:
        frames, channels = _without_opaque_alpha(frames, channels)
    dtypes = (_U8, _U16)[: 1 if holds is _JPEG else 2] if inks else ()
    dtypes = dtypes or holds.dtypes.get(channels, holds.every)
    if not dtypes:
        raise OutputError(
            f"{holds.name} holds {_listed(holds.dtypes)} channel(s), the result has"
            f" {channels} ({shape_text(array.shape)}); {_advice(channels)}"
        )
    if array.dtype.name not in dtypes:
        raise OutputError(_cannot_hold(holds, array.dtype.name, _listed(dtypes), channels))
    if len(frames) > 1 and not holds.many:
        raise OutputError(
            f"{holds.name} holds one picture, the result has {len(frames)}; write .tif or .npy"
        )

    frames = np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
    if channels == 1:
        frames = frames[..., 0]
    notes = notes.sized(*frames.shape[1:3])._replace(inks=inks)
    if holds is _TIFF:
        return encode_tiff(frames, notes, how)
    if array.dtype.name == _U16:
        return encode_deep(frames, holds.name, notes, how)
    return encode_by_pillow(frames, holds.name, notes, how)


def _without_opaque_alpha(frames: np.ndarray, channels: int) -> tuple[np.ndarray, int]:
    """Drop an alpha channel that makes nothing transparent."""
    if frames.dtype.kind != "u" or (frames[..., -1] != np.iinfo(frames.dtype).max).any():
        return frames, channels
    return frames[..., :-1], channels - 1


def _as_frames(array: np.ndarray, layout: str | None) -> tuple[np.ndarray, int]:
    """Return the array as (frames, height, width, channels), and the number of channels."""
    if layout is None:
        layout = {2: "HW", 3: "HWC", 4: "NHWC"}.get(array.ndim, "")
    if len(layout) != array.ndim or "D" in layout or not {"H", "W"} <= set(layout):
        raise OutputError(
            f"a picture has height and width, the result is {shape_text(array.shape)}"
            f"{' ' + layout if layout else ''}; write .npy or .csv"
        )
    if 0 in array.shape:
        raise OutputError(f"a picture is not empty, the result is {shape_text(array.shape)}")
    order = [layout.index(letter) for letter in "NHWC" if letter in layout]
    frames = array.transpose(order)
    if "N" not in layout:
        frames = frames[None]
    if "C" not in layout:
        frames = frames[..., None]
    return frames, frames.shape[3]


def _cannot_hold(holds: Holds, dtype: str, names: str, channels: int = 1) -> str:
    kind = "" if channels == 1 else f" with {channels} channels"
    other = ".npy" if holds is _TIFF else ".tif or .npy"
    advice = (
        f"write {other}, or say `normalize` or `dtype`" if "float" in dtype else f"write {other}"
    )
    return f"{holds.name}{kind} holds {names}, the result is {dtype}; {advice}"


def _advice(channels: int) -> str:
    return "write .png" if channels in (1, 2, 3, 4) else "write .tif or .npy"


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
