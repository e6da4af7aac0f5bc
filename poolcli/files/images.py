"""Reading pictures: imageio decodes, Pillow tells beforehand what there is to decode.

Only open files whose first bytes are on our list come here: names would be taken for addresses, and
some formats start other programs. Nothing is decoded before its size is known.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.files.causes import check_memory

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
ORIENTATION = 0x0112  # the EXIF and TIFF tag

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
    "CMYK": ("RGB", "RGB"),  # four channels of ink would pass for RGBA in everything that follows
    "YCbCr": ("RGB", "RGB"),
    "I;16": (None, None),
    "I;16B": (None, None),
    "I": (None, None),
    "F": (None, None),
}


@dataclass(frozen=True)
class Picture:
    """Decoded pixels, upright: layout "HW", "HWC", "NHW" or "NHWC"; meta as told by the file."""

    array: np.ndarray
    layout: str
    meta: dict[str, Any]


def read_by_pillow(file: BinaryIO, kind: str, max_bytes: int | None) -> Picture:
    """Decode a picture of any kind but TIFF."""
    from PIL import Image

    from poolcli.files import png, pnm

    if kind == "pnm":
        pixels = pnm.read_deep(file, max_bytes)
        if pixels is not None:
            return Picture(pixels, layout_of(pixels, False), {})
    if kind == "png":
        png.check_checksums(file)
    file.seek(0)
    with Image.open(file, formats=(PILLOW_NAMES[kind],)) as image:
        if kind == "webp" and max(image.size) > _WEBP_SIDE:
            raise InputError(f"it claims {image.height}x{image.width} pixels, too many for WebP")
        # A JPEG's further pictures are a camera's previews and depth maps, not frames.
        frames = 1 if kind == "jpeg" else getattr(image, "n_frames", 1)
        skipped = 1 if getattr(image, "default_image", False) else 0  # for viewers that do not play
        animated = frames - skipped > 1
        check_pixels(image.size, frames, max_bytes)
        if kind == "png" and png.is_deep(image):
            if frames > 1:
                raise InputError("it is animated with 16 bits; save its frames as a .tif")
            array = png.read_deep(file, image)
        else:
            mode = mode_to_read(image)
            if frames > 1 and (kind, image.mode, mode) != ("png", "L", None):
                mode = "RGBA"  # each frame may have colours and transparency of its own
            decoded = decode_frames(file, mode, skipped, frames)
            array = np.stack(decoded) if animated else decoded[0]
            if frames > 1 and mode == "RGBA":
                array = without_opaque_alpha(array)
        if array.dtype == np.int32:  # what Pillow makes of 16-bit grey in text form
            array = array.astype(np.uint16)
        array = upright(array, orientation_of(image), 1 if animated else 0)
        return Picture(array, layout_of(array, animated), {"mode": image.mode})


def mode_to_read(image: Any) -> str | None:
    """Return the Pillow mode that loses nothing of a single image; None: as it is."""
    if image.mode not in _MODES:
        raise InputError(f"pictures of mode {image.mode} are not read; save it as RGB or grey")
    plain, transparent = _MODES[image.mode]
    if "transparency" in image.info or (
        image.mode == "P" and image.palette is not None and image.palette.mode == "RGBA"
    ):
        return transparent
    return plain


def decode_frames(file: BinaryIO, mode: str | None, first: int, stop: int) -> list[np.ndarray]:
    """Decode the frames from ``first`` up to ``stop`` in the given Pillow mode."""
    import imageio.v3 as iio

    file.seek(0)
    reader: Any
    with iio.imopen(file, "r", plugin="pillow") as reader:
        if stop == 1:
            return [reader.read(index=0, mode=mode)]
        return list(islice(reader.iter(mode=mode), first, stop))


def without_opaque_alpha(array: np.ndarray) -> np.ndarray:
    """Drop an alpha channel that makes nothing transparent; frames are always read with one."""
    return array[..., :3] if (array[..., 3] == 255).all() else array


def check_pixels(size: tuple[int, int], frames: int, max_bytes: int | None) -> None:
    """Refuse what may be a decompression bomb, before anything is decoded.

    The limit is Pillow's own: twice its MAX_IMAGE_PIXELS, about 179 million.
    """
    from PIL import Image

    width, height = size
    limit = 2 * Image.MAX_IMAGE_PIXELS if Image.MAX_IMAGE_PIXELS else None
    if limit is not None and width * height > limit:
        raise InputError(
            f"it claims {height}x{width} pixels; more than {limit} are refused as a possible"
            " decompression bomb; save it as .npy or .tif"
        )
    check_memory(2 * width * height * frames * 4, max_bytes)  # decoded frames and their stack


def orientation_of(image: Any) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where there is none or it is damaged."""
    try:
        return int(image.getexif().get(ORIENTATION, 1))
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
