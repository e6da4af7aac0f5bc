"""Reading pictures: Pillow tells what there is and decodes it, imageio goes through the frames.

Only open files whose first bytes are on our list come here: names would be taken for addresses, and
some formats start other programs. Nothing is decoded before its size is known.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.formats import exif
from poolcli.formats.base import Decoded, OpenFile, Source, SourceInfo
from poolcli.formats.guard import READABLE_ERRORS, check_count, check_memory, explain_error, reading
from poolcli.formats.metadata import Metadata, sound_icc, upright_xmp
from poolcli.formats.settings import Reading

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

_WEBP_SIDE = 16383
# What Pillow calls formats that have another name elsewhere.
_PILLOW_NAMES = {"PNM": "PPM", "WebP": "WEBP"}

# Pillow mode -> (mode to read, mode to read where a transparent colour is set). None: as it is.
_MODES: dict[str, tuple[str | None, str | None]] = {
    "1": (None, "LA"),
    "L": (None, "LA"),
    "LA": (None, None),
    "La": ("LA", "LA"),
    "P": ("RGB", "RGBA"),
    "PA": ("RGBA", "RGBA"),
    "RGB": (None, "RGBA"),
    "RGBX": ("RGB", "RGB"),
    "RGBA": (None, None),
    "RGBa": ("RGBA", "RGBA"),
    "CMYK": ("RGB", "RGB"),  # four channels of ink would pass for RGBA where nobody asked for them
    "YCbCr": ("RGB", "RGB"),
    "I;16": (None, None),
    "I;16B": (None, None),
    "I": (None, None),
    "F": (None, None),
}


# Pillow mode, as it will be read -> (dtype, channels). Others are read to be described.
_PIXELS = {
    "1": (np.bool_, 1),
    "L": (np.uint8, 1),
    "LA": (np.uint8, 2),
    "RGB": (np.uint8, 3),
    "RGBA": (np.uint8, 4),
    "CMYK": (np.uint8, 4),
}


class Picture(NamedTuple):
    """Decoded pixels, upright: layout "HW", "HWC", "NHW" or "NHWC"; and what the file says else."""

    array: np.ndarray
    layout: str
    metadata: Metadata


class Header(NamedTuple):
    """What the header of a picture tells of its pixels as they will be read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str
    nodata: float | None = None


class PictureFile(OpenFile):
    """A picture, read by Pillow."""

    @property
    def has_header(self) -> bool:
        """Whether the header tells all; of animations, and of damaged files, only decoding does."""
        return self._header is not None

    @property
    def most_bytes(self) -> int:
        """About how much memory reading takes at most, with a result as large; 0 if damaged."""
        with quiet(), suppress(Exception):  # as of headers
            return math.ceil((1 + self.opened.format.decoded) * self.most())
        return 0

    def sources(self) -> Iterator[Source]:
        """Give the picture, which is decoded when its pixels are wanted.

        Grey is "HW", colour "HWC" with 3 or 4 channels (grey with transparency: 2), animations and
        several pages have "N" before. 1 bit gives bool, 8 bits uint8, 16 bits uint16. Palettes are
        expanded, with their transparency; CMYK becomes RGB where it is not wanted; an EXIF
        orientation is applied.
        """
        header = self._header
        if header is not None:
            yield Source(self._info(header), self._load, header.shape)
            return
        with reading(self.opened.label):
            array, layout, metadata = self._picture()
        geo = metadata.geo
        nodata = None if geo is None else geo.missing(array.dtype)
        info = self._info(Header(array.shape, array.dtype, layout, nodata))
        yield Source(info, lambda: Decoded(array, metadata), array.shape)

    def _info(self, header: Header) -> SourceInfo:
        label, row = self.opened.label, self.opened.format
        shape, dtype, layout, nodata = header
        return SourceInfo(label, shape, dtype, row, row.extensions[0], layout, None, nodata)

    def _load(self) -> Decoded:
        array, _, metadata = self._picture()
        return Decoded(array, metadata)

    def _picture(self) -> Picture:
        try:
            with quiet():
                return self.decode()
        except InputError:
            raise
        except Exception as error:  # decoders raise anything on damaged data
            raise InputError(_reason(error, self.opened.format.name)) from error

    @cached_property
    def _header(self) -> Header | None:
        """What the header tells; None where that is not all, also as it is damaged.

        Decoding a damaged one then says what is the matter.
        """
        try:
            with quiet():
                return self.header()
        except Exception:  # as above
            return None

    def header(self) -> Header | None:
        """Read what the header tells; None where that is not all."""
        file, _, row, settings, _ = self.opened
        if row.name == "PNM":  # its depth is not what Pillow says
            return _pnm_header(file, settings)
        return _header_by_pillow(file, row.name, settings)

    def decode(self) -> Picture:
        """Decode the picture."""
        file, _, row, settings, _ = self.opened
        return read_by_pillow(file, row.name, settings)

    def most(self) -> int:
        """About how many bytes its pixels have at most."""
        file, _, row, settings, _ = self.opened
        with open_image(file, row.name, settings.max_pixels) as image:
            width, height = image.size
            frames = getattr(image, "n_frames", 1)
        # Frames of 8 bits are read with transparency, single pictures of 16 or 32 bits are grey.
        return int(frames * height * width * 4)


def _pnm_header(file: BinaryIO, settings: Reading) -> Header:
    from poolcli.formats import pnm

    shape, dtype = pnm.read_shape(file)
    check_count((shape[1], shape[0]), settings.max_pixels)
    return Header(shape, dtype, "HWC"[: len(shape)])


def _header_by_pillow(file: BinaryIO, name: str, settings: Reading) -> Header | None:
    from poolcli.formats import png

    with open_image(file, name, settings.max_pixels) as image:
        if name != "JPEG" and getattr(image, "n_frames", 1) > 1:
            return None
        dtype: Any
        if name == "PNG" and png.is_deep(image):
            dtype, channels = np.uint16, png.channels_of_deep(image)
        else:
            mode = mode_to_read(image, settings.cmyk) or image.mode
            if mode not in _PIXELS:
                return None
            dtype, channels = _PIXELS[mode]
        width, height = image.size
        if orientation_of(image) > 4:
            width, height = height, width
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Header(shape, np.dtype(dtype), "HWC"[: len(shape)])


def _reason(error: Exception, name: str) -> str:
    if isinstance(error, READABLE_ERRORS) and type(error).__name__ != "UnidentifiedImageError":
        return f"it cannot be decoded as {name}: {explain_error(error)}"
    return f"it cannot be decoded as {name}: it is damaged or truncated"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the decoders' warnings from the user; what matters is checked and raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_by_pillow(file: BinaryIO, name: str, settings: Reading) -> Picture:
    """Decode a picture of the format ``name``."""
    from poolcli.formats import png, pnm

    if name == "PNM":
        pixels = pnm.read_deep(file, settings.max_bytes, settings.max_pixels)
        if pixels is not None:
            return Picture(pixels, layout_of(pixels, False), Metadata("I;16"))
    if name == "PNG":
        png.check_checksums(file)
    with open_image(file, name, settings.max_pixels) as image:
        if name == "WebP" and max(image.size) > _WEBP_SIDE:
            raise InputError(f"it claims {image.height}x{image.width} pixels, too many for WebP")
        # A JPEG's further pictures are a camera's previews and depth maps, not frames.
        frames = 1 if name == "JPEG" else getattr(image, "n_frames", 1)
        skipped = 1 if getattr(image, "default_image", False) else 0  # for viewers that do not play
        check_frames(image.size, frames, settings.max_bytes)
        mode: str | None = None
        durations: list[float] = []
        if name == "PNG" and png.is_deep(image):
            if frames > 1:
                raise InputError("it is animated with 16 bits; save its frames as a .tif")
            array = png.read_deep(file)
        else:
            if name == "PNG":
                png.scale_transparent_grey(image)
            mode = mode_to_read(image, settings.cmyk)
            if frames == 1:
                array = np.asarray(image if mode is None else image.convert(mode))
            else:
                if (name, image.mode, mode) != ("PNG", "L", None):
                    mode = "RGBA"  # each frame may have colours and transparency of its own
                decoded, durations = decode_frames(file, mode, skipped, frames)
                array = np.stack(decoded) if frames - skipped > 1 else decoded[0]
                if mode == "RGBA":
                    array = without_opaque_alpha(array)
        many = frames - skipped > 1
        if array.dtype == np.int32:  # what Pillow makes of 16-bit grey in text form
            array = array.astype(np.uint16)
        array = upright(array, orientation_of(image), 1 if many else 0)
        layout = layout_of(array, many)
        channels = array.shape[-1] if "C" in layout else 1
        cmyk = settings.cmyk and image.mode == "CMYK"
        metadata = _metadata_of(image, file, name, tuple(durations) if many else ())
        metadata = metadata._replace(cmyk=cmyk, alpha=channels in (2, 4) and not cmyk)
        return Picture(array, layout, metadata)


def open_image(file: BinaryIO, name: str, max_pixels: int | None) -> ImageFile:
    """Open a picture of the format ``name``; only its header is read.

    Raises ``InputError`` for more than ``max_pixels`` (None: than is usual).
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # it warns from its limit on and refuses from twice that on
    file.seek(0)
    image = Image.open(file, formats=(_PILLOW_NAMES.get(name, name),))
    check_count(image.size, max_pixels)
    return image


def mode_to_read(image: ImageFile, cmyk: bool = False) -> str | None:
    """Return the Pillow mode that loses nothing of a single image; None: as it is."""
    if image.mode not in _MODES:
        raise InputError(f"pictures of mode {image.mode} are not read; save it as RGB or grey")
    if cmyk and image.mode == "CMYK":
        return None
    plain, transparent = _MODES[image.mode]
    if "transparency" in image.info or (
        image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA"
    ):
        return transparent
    return plain


def decode_frames(
    file: BinaryIO, mode: str | None, first: int, stop: int
) -> tuple[list[np.ndarray], list[float]]:
    """Decode the frames from ``first`` up to ``stop``; return them with their durations in ms."""
    import imageio.v3 as iio

    file.seek(0)
    frames, durations = [], []
    reader: Any
    with iio.imopen(file, "r", plugin="pillow") as reader:
        for frame in islice(reader.iter(mode=mode), stop):
            frames.append(frame)
            durations.append(_number(reader.metadata(index=len(frames) - 1).get("duration")))
    return frames[first:], durations[first:]


def without_opaque_alpha(array: np.ndarray) -> np.ndarray:
    """Drop an alpha channel that makes nothing transparent; frames are always read with one."""
    return array[..., :3] if (array[..., 3] == 255).all() else array


def check_frames(size: tuple[int, int], frames: int, max_bytes: int | None) -> None:
    """Refuse what memory cannot hold, before anything is decoded."""
    width, height = size
    check_memory(2 * width * height * frames * 4, max_bytes)  # decoded frames and their stack


def orientation_of(image: ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where there is none or it is damaged."""
    try:
        return int(image.getexif().get(exif.ORIENTATION, 1))
    except Exception:  # a damaged note about the picture is no damage to the picture
        return 1


def upright(array: np.ndarray, orientation: int, height_axis: int = 0) -> np.ndarray:
    """Turn or mirror the pixels as the orientation says, so that the picture is seen as meant."""
    h, w = height_axis, height_axis + 1
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(h, w)
    if orientation in (2, 3, 6, 7):
        array = np.flip(array, w)
    if orientation in (3, 4, 7, 8):
        array = np.flip(array, h)
    return np.ascontiguousarray(array)


def layout_of(array: np.ndarray, many: bool) -> str:
    """Return the layout of one decoded picture, or of many stacked."""
    return ("N" if many else "") + ("HWC" if array.ndim - many == 3 else "HW")


def _metadata_of(
    image: ImageFile, file: BinaryIO, name: str, durations: tuple[float, ...]
) -> Metadata:
    info = image.info
    raw = exif.without_heading(info.get("exif"))
    resolution = info.get("dpi")
    tables: tuple[tuple[int, ...], ...] = ()
    sampling = -1
    if name == "JPEG":
        from PIL.JpegImagePlugin import get_sampling

        tables = tuple(tuple(table) for table in cast("JpegImageFile", image).quantization.values())
        sampling = get_sampling(image)
    return Metadata(
        mode=image.mode,
        icc=sound_icc(info.get("icc_profile")),
        exif=exif.upright(raw) if raw else None,
        xmp=upright_xmp(info.get("xmp")),
        dpi=_two_numbers(resolution),
        durations=durations,
        loop=info.get("loop") if isinstance(info.get("loop"), int) else None,
        tables=tables,
        sampling=sampling,
        lossy=name == "WebP" and _is_lossy_webp(file),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _two_numbers(value: object) -> tuple[float, float] | None:
    try:
        x, y = (float(part) for part in value)  # type: ignore[attr-defined]  # it may be anything
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


def _is_lossy_webp(file: BinaryIO) -> bool:
    """Whether a WebP's (first) picture is of the lossy kind."""
    place = 12
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[:4] in (b"VP8 ", b"VP8L"):
            return head[:4] == b"VP8 "
        size = int.from_bytes(head[4:], "little")
        # A frame's picture is a chunk inside the frame's.
        place += 8 + 16 if head[:4] == b"ANMF" else 8 + size + size % 2
