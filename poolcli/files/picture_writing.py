"""Writing pictures: only values that the format holds as they are, no guess at the axes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from poolcli.errors import OutputError
from poolcli.files.causes import shape_text
from poolcli.files.notes import Notes, PictureOutput

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
    'PNG loses nothing and has no quality; leave --quality out, or write .jpg or .webp'
    """
    holds = FORMATS.get(extension.lower())
    name = extension.removeprefix(".") if holds is None else holds.name
    if how.quality is not None:
        if holds is None or not holds.quality:
            return (
                f"{name} loses nothing and has no quality; leave --quality out, or write"
                " .jpg or .webp"
            )
        if not 1 <= how.quality <= 100:
            return f"--quality {how.quality}: must be from 1 to 100"
    if how.compression is not None:
        known = () if holds is None else holds.compressions
        if not known:
            return (
                f"{name} has no --compression to choose; .png has 0 to 9, .webp 0 to 6,"
                " .tif none or deflate"
            )
        if how.compression not in known:
            return f"--compression {how.compression}: {name} has {_listed(known)}"
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
    from poolcli.files import picture_encoding as encoding

    frames = np.ascontiguousarray(frames, frames.dtype.newbyteorder("="))
    if channels == 1:
        frames = frames[..., 0]
    notes = notes.sized(*frames.shape[1:3])._replace(inks=inks)
    if holds is _TIFF:
        return encoding.encode_tiff(frames, notes, how)
    if array.dtype.name == _U16:
        return encoding.encode_deep(frames, holds.name, notes, how)
    return encoding.encode_by_pillow(frames, holds.name, notes, how)


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
        f"write {other}, or say --normalize or --dtype" if "float" in dtype else f"write {other}"
    )
    return f"{holds.name}{kind} holds {names}, the result is {dtype}; {advice}"


def _advice(channels: int) -> str:
    return "write .png" if channels in (1, 2, 3, 4) else "write .tif or .npy"


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
