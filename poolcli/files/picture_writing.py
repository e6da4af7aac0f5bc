"""Writing pictures: only values that the format holds as they are, no guess at the axes."""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from poolcli.errors import OutputError
from poolcli.files import png, pnm
from poolcli.files.causes import shape_text

_BOOL, _U8, _U16 = "bool", "uint8", "uint16"


@dataclass(frozen=True)
class Holds:
    """What a format can hold: dtypes by number of channels, and whether several frames."""

    name: str
    dtypes: dict[int, tuple[str, ...]]
    every: tuple[str, ...] = ()  # dtypes for every other number of channels
    many: bool = False
    options: tuple[tuple[str, Any], ...] = ()


_PNG = Holds(
    "PNG", {1: (_BOOL, _U8, _U16), 2: (_U8, _U16), 3: (_U8, _U16), 4: (_U8, _U16)}, many=True
)
_JPEG = Holds("JPEG", {1: (_U8,), 3: (_U8,)}, options=(("quality", 95),))
_WIDE = ("uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_TIFF = Holds("TIFF", {1: (_BOOL, _U8, _U16, *_WIDE)}, every=(_U8, _U16, *_WIDE), many=True)

FORMATS = {
    ".png": _PNG,
    ".apng": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".gif": Holds("GIF", {1: (_U8,), 3: (_U8,), 4: (_U8,)}, many=True, options=(("loop", 0),)),
    ".bmp": Holds("BMP", {1: (_BOOL, _U8), 3: (_U8,)}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    # WebP has no grey: its three channels are then equal. Lossless, so that no value changes.
    ".webp": Holds(
        "WebP",
        {1: (_U8,), 3: (_U8,), 4: (_U8,)},
        many=True,
        options=(("lossless", True), ("exact", True)),
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


def encode_picture(array: np.ndarray, extension: str, layout: str | None = None) -> bytes:
    """Return the bytes of a picture file.

    ``layout`` says what the axes are (None: HW, HWC or NHWC by their number). Raises
    ``OutputError`` (without a file name) for a dtype, channels or frames that the format lacks.
    JPEG and colours in GIF are stored approximately, as those formats do; a frame of a GIF, PNG or
    WebP that equals the one before only makes that one last longer.
    """
    holds = FORMATS[extension]
    frames, channels = _as_frames(array, layout)
    dtypes = holds.dtypes.get(channels, holds.every)
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
    if holds is _TIFF:
        return _encode_tiff(frames)
    if array.dtype.name == _U16:
        return _encode_deep(frames, holds)
    return _encode_by_imageio(frames, holds)


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


def _encode_by_imageio(frames: np.ndarray, holds: Holds) -> bytes:
    import imageio.v3 as iio

    translucent = frames.shape[3:] == (4,) and not np.isin(frames[..., 3], (0, 255)).all()
    if holds.name == "GIF" and translucent:
        raise OutputError("GIF pixels are opaque or not at all; write .png or .webp")
    if holds.name == "WebP" and frames.ndim == 3:
        frames = np.stack([frames] * 3, axis=-1)
    many = len(frames) > 1
    pillow_format = {"PBM": "PPM", "PGM": "PPM", "PNM": "PPM", "WebP": "WEBP"}.get(holds.name)
    target = io.BytesIO()
    writer: Any
    with iio.imopen(target, "w", plugin="pillow", extension=".png") as writer:
        writer.write(
            frames if many else frames[0],
            is_batch=many,
            format=pillow_format or holds.name,
            **dict(holds.options),
        )
    return target.getvalue()


def _encode_deep(frames: np.ndarray, holds: Holds) -> bytes:
    if holds is not _PNG:
        return pnm.encode_deep(frames[0])
    if len(frames) > 1:
        raise OutputError(f"PNG animates 8 bits, the result has {_U16}; write .tif or .npy")
    return png.encode_deep(frames[0])


def _encode_tiff(frames: np.ndarray) -> bytes:
    import tifffile

    channels = frames.shape[3] if frames.ndim == 4 else 1
    target = io.BytesIO()
    with tifffile.TiffWriter(target, bigtiff=frames.nbytes > 2**32 - 2**25) as writer:
        for frame in frames:
            writer.write(
                frame,
                photometric="rgb" if channels in (3, 4) else "minisblack",
                planarconfig="contig" if channels > 1 else None,
                extrasamples=["unassalpha"] if channels in (2, 4) else None,
                metadata=None,
                contiguous=False,
            )
    return target.getvalue()


def _cannot_hold(holds: Holds, dtype: str, names: str, channels: int = 1) -> str:
    kind = "" if channels == 1 else f" with {channels} channels"
    other = ".npy" if holds is _TIFF else ".tif or .npy"
    advice = f"write {other}, or say --dtype" if "float" in dtype else f"write {other}"
    return f"{holds.name}{kind} holds {names}, the result is {dtype}; {advice}"


def _advice(channels: int) -> str:
    return "write .png" if channels in (1, 2, 3, 4) else "write .tif or .npy"


def _listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
