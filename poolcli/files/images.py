"""Reading pictures: Pillow tells what there is and decodes it, imageio goes through the frames.

Only open files whose first bytes are on our list come here: names would be taken for addresses, and
some formats start other programs. Nothing is decoded before its size is known.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.files import exif
from poolcli.files.causes import check_count, check_memory
from poolcli.files.notes import Notes, PictureInput, sound_icc, upright_xmp

PILLOW_NAMES = {
    "png": "PNG",
    "jpeg": "JPEG",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "webp": "WEBP",
    "pnm": "PPM",
}
_WEBP_SIDE = 16383

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


@dataclass(frozen=True)
class Picture:
    """Decoded pixels, upright: layout "HW", "HWC", "NHW" or "NHWC"; and what the file says else."""

    array: np.ndarray
    layout: str
    notes: Notes


def read_by_pillow(
    file: BinaryIO, kind: str, max_bytes: int | None, wanted: PictureInput
) -> Picture:
    """Decode a picture of any kind but TIFF."""
    from poolcli.files import png, pnm

    if kind == "pnm":
        pixels = pnm.read_deep(file, max_bytes, wanted.max_pixels)
        if pixels is not None:
            return Picture(pixels, layout_of(pixels, False), Notes("I;16"))
    if kind == "png":
        png.check_checksums(file)
    with open_image(file, PILLOW_NAMES[kind], wanted.max_pixels) as image:
        if kind == "webp" and max(image.size) > _WEBP_SIDE:
            raise InputError(f"it claims {image.height}x{image.width} pixels, too many for WebP")
        # A JPEG's further pictures are a camera's previews and depth maps, not frames.
        frames = 1 if kind == "jpeg" else getattr(image, "n_frames", 1)
        skipped = 1 if getattr(image, "default_image", False) else 0  # for viewers that do not play
        check_frames(image.size, frames, max_bytes)
        mode: str | None = None
        durations: list[float] = []
        if kind == "png" and png.is_deep(image):
            if frames > 1:
                raise InputError("it is animated with 16 bits; save its frames as a .tif")
            array = png.read_deep(file, image)
        else:
            if kind == "png":
                png.scale_transparent_grey(image)
            mode = mode_to_read(image, wanted.inks)
            if frames == 1:
                array = np.asarray(image if mode is None else image.convert(mode))
            else:
                if (kind, image.mode, mode) != ("png", "L", None):
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
        inks = wanted.inks and image.mode == "CMYK"
        notes = _notes_of(image, file, kind, tuple(durations) if many else ())
        notes = notes._replace(inks=inks, alpha=channels in (2, 4) and not inks)
        return Picture(array, layout, notes)


def open_image(file: BinaryIO, name: str, max_pixels: int | None) -> Any:
    """Open a picture of Pillow's format ``name``; only its header is read.

    Raises ``InputError`` for more than ``max_pixels`` (None: than is usual).
    """
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # it warns from its limit on and refuses from twice that on
    file.seek(0)
    image = Image.open(file, formats=(name,))
    check_count(image.size, max_pixels)
    return image


def mode_to_read(image: Any, inks: bool = False) -> str | None:
    """Return the Pillow mode that loses nothing of a single image; None: as it is."""
    if image.mode not in _MODES:
        raise InputError(f"pictures of mode {image.mode} are not read; save it as RGB or grey")
    if inks and image.mode == "CMYK":
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


def orientation_of(image: Any) -> int:
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


def _notes_of(image: Any, file: BinaryIO, kind: str, durations: tuple[float, ...]) -> Notes:
    info = image.info
    raw = exif.without_heading(info.get("exif"))
    resolution = info.get("dpi")
    tables: tuple[tuple[int, ...], ...] = ()
    sampling = -1
    if kind == "jpeg":
        from PIL.JpegImagePlugin import get_sampling

        tables = tuple(tuple(table) for table in image.quantization.values())
        sampling = get_sampling(image)
    return Notes(
        mode=image.mode,
        icc=sound_icc(info.get("icc_profile")),
        exif=exif.upright(raw) if raw else None,
        xmp=upright_xmp(info.get("xmp")),
        dpi=_two_numbers(resolution),
        durations=durations,
        loop=info.get("loop") if isinstance(info.get("loop"), int) else None,
        tables=tables,
        sampling=sampling,
        lossy=kind == "webp" and _is_lossy_webp(file),
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
