"""What a file holds, told by its header wherever that is enough."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poolcli.errors import InputError
from poolcli.files import npy, sniff
from poolcli.files.causes import check_count, reading
from poolcli.files.loaded import ALL, Loaded, Members
from poolcli.files.notes import AS_USUAL, PictureInput
from poolcli.files.read import read_file, split_member

# Pillow mode, as it will be read -> (dtype, channels). Others are read to be described.
_PIXELS = {
    "1": (np.bool_, 1),
    "L": (np.uint8, 1),
    "LA": (np.uint8, 2),
    "RGB": (np.uint8, 3),
    "RGBA": (np.uint8, 4),
    "CMYK": (np.uint8, 4),
}


class Described(NamedTuple):
    """An array that was not read; ``nodata`` means missing, and all else is as in ``Loaded``."""

    label: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: str
    layout: str | None = None
    format: str = ".npy"
    member: str | None = None
    nodata: float | None = None
    beside: bool = False

    @property
    def nbytes(self) -> int:
        """The memory that it will take."""
        return math.prod(self.shape) * self.dtype.itemsize


def describe_file(
    path: str, *, pictures: PictureInput = AS_USUAL, members: Members = ALL
) -> Iterator[Described]:
    """Yield what ``read_file`` would yield, without the values.

    Text, and pictures whose header does not tell all, are read. A named pipe is refused: what is
    read from it is gone.

    Raises ``InputError``, one line that starts with the file's label.
    """
    described = describe_by_header(path, pictures, members)
    if described is not None:
        yield from described
        return
    for loaded in read_file(path, pictures=pictures, members=members):
        yield described_as(loaded)


def described_as(loaded: Loaded) -> Described:
    """Describe an array that was read."""
    return Described(
        loaded.label,
        loaded.shape,
        loaded.content.dtype,
        loaded.kind,
        loaded.layout,
        loaded.format,
        loaded.member,
        loaded.nodata,
        loaded.beside,
    )


def describe_by_header(
    path: str, pictures: PictureInput = AS_USUAL, members: Members = ALL
) -> Iterable[Described] | None:
    """Return what headers tell of the arrays in a file; None where the values have to be read.

    Raises ``InputError`` as ``describe_file`` does, of arrays in an archive when they are gone
    through.
    """
    file_path, name = split_member(path)
    with reading(file_path):
        if sniff.is_stream(file_path):
            raise InputError("it is a pipe, and what comes through it can be read only once")
        with sniff.open_input(file_path, streams=False)[0] as file:
            kind = sniff.kind_of(file.read(sniff.HEAD))
            file.seek(0)
            if kind == "npz":
                return _npz(file_path, name, members)
            if kind == "text" or name is not None:
                return None
            if kind == "npy":
                header = npy.read_header(file)
                npy.check_size(header, os.fstat(file.fileno()).st_size, "the file")
                return [Described(file_path, header.shape, header.dtype, "npy")]
            return _picture(file, file_path, kind, pictures)


def describe_at_most(
    path: str, pictures: PictureInput = AS_USUAL, members: Members = ALL
) -> Iterable[Described] | None:
    """Return what headers tell, and of pictures that have to be read one that is no smaller.

    None for text, of which there is no header. Raises ``InputError`` as ``describe_file`` does.
    """
    described = describe_by_header(path, pictures, members)
    if described is not None:
        return described
    with reading(path), sniff.open_input(path, streams=False)[0] as file:
        kind = sniff.kind_of(file.read(sniff.HEAD))
        file.seek(0)
        if kind == "text":
            return None
        from poolcli.files.pictures import extension_of

        array = _most_of_tiff(file) if kind == "tiff" else _most_pixels(file, kind, pictures)
        return [
            Described(path, array.shape, array.dtype, "image", "NHWC", extension_of(kind, array))
        ]


def _npz(path: str, name: str | None, members: Members) -> Iterator[Described]:
    """Describe arrays of an archive; what is wrong with others of them is raised at the end."""
    from poolcli.files import npz

    with sniff.open_input(path)[0] as file:
        with reading(path):
            archive = npz.open_zip(file)
        chosen = npz.choose(archive, path, name, members)
    for name, _, header, _, beside in chosen:
        if header is not None:
            told = Described(
                f"{path}:{name}", header.shape, header.dtype, "npz", None, ".npz", name
            )
            yield told._replace(beside=beside)
    failures = [member.problem for member in chosen if member.problem is not None]
    if failures:
        raise npz.first_of(failures)


def _picture(
    file: BinaryIO, label: str, kind: str, pictures: PictureInput
) -> list[Described] | None:
    from poolcli.files.images import layout_of
    from poolcli.files.pictures import extension_of

    nodata = None
    if kind == "tiff":
        from poolcli.files.tiff import header_of

        found = header_of(file, pictures)
        if found is None:
            return None
        shape, layout, dtype, nodata = found
        array = _stand_in(shape, dtype)
    else:
        pixels = _pixels(file, kind, pictures)
        if pixels is None:
            return None
        array, layout = pixels, layout_of(pixels, False)
    extension = extension_of(kind, array)
    return [Described(label, array.shape, array.dtype, "image", layout, extension, None, nodata)]


def _pixels(file: BinaryIO, kind: str, pictures: PictureInput) -> np.ndarray | None:
    """Give an array of the picture's shape and dtype that takes no memory."""
    from poolcli.files import images, png, pnm

    if kind == "pnm":  # its depth is not what Pillow says
        shape, depth = pnm.read_shape(file)
        check_count((shape[1], shape[0]), pictures.max_pixels)
        return _stand_in(shape, depth)
    with images.open_image(file, images.PILLOW_NAMES[kind], pictures.max_pixels) as image:
        if kind != "jpeg" and getattr(image, "n_frames", 1) > 1:
            return None
        dtype: Any
        if kind == "png" and png.is_deep(image):
            dtype, channels = np.uint16, png.channels_of_deep(image)
        else:
            mode = images.mode_to_read(image, pictures.inks) or image.mode
            if mode not in _PIXELS:
                return None
            dtype, channels = _PIXELS[mode]
        width, height = image.size
        if images.orientation_of(image) > 4:
            width, height = height, width
    return _stand_in((height, width) if channels == 1 else (height, width, channels), dtype)


def _most_pixels(file: BinaryIO, kind: str, pictures: PictureInput) -> np.ndarray:
    from poolcli.files import images

    with images.open_image(file, images.PILLOW_NAMES[kind], pictures.max_pixels) as image:
        width, height = image.size
        frames = getattr(image, "n_frames", 1)
    # Frames of 8 bits are read with transparency, single pictures of 16 or 32 bits are grey.
    return _stand_in((frames, height, width, 4), np.uint8)


def _most_of_tiff(file: BinaryIO) -> np.ndarray:
    import tifffile

    with tifffile.TiffFile(file) as tiff:
        page: Any = tiff.pages[0]
        shape = (len(tiff.pages), page.imagelength, page.imagewidth, max(4, page.samplesperpixel))
        return _stand_in(shape, page.dtype or np.uint8)


def _stand_in(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)
