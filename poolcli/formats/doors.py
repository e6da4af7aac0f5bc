"""The doors: files, pipes and typed matrices in, files and streams out."""

from __future__ import annotations

import io
import itertools
import os
import stat
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from typing import Any, BinaryIO, cast

import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.formats import base, npy
from poolcli.formats.atomic import Ready, atomic_target
from poolcli.formats.base import ALL, Described, Loaded, Members, described_as
from poolcli.formats.guard import (
    TELLING,
    available_memory,
    cause,
    check_count,
    check_memory,
    reading,
    size_text,
    writing,
)
from poolcli.formats.image import PILLOW_NAMES, Picture, read_by_pillow
from poolcli.formats.metadata import AS_USUAL, Notes, PictureInput, PictureOutput
from poolcli.formats.npy import NpyOutput, StoredNpy
from poolcli.formats.text import SEPARATORS

_TEXT_FORMATS = {".csv": ".csv", ".tsv": ".tsv"}
_CHUNK = 1 << 20
_STREAMED = 1 << 25


def read_file(
    path: str,
    *,
    max_bytes: int | None = None,
    pictures: PictureInput = AS_USUAL,
    members: Members = ALL,
    streams: bool = True,
) -> Iterator[Loaded]:
    """Yield the arrays of a file: one, or every one of an .npz; ``file.npz:name`` picks one.

    What the file is, its first bytes say. Named pipes are read to their end as stdin is; without
    ``streams`` they are refused. In an .npz an array that cannot be read does not keep back the
    others: its error comes after them.
    ``max_bytes`` bounds the memory of one array (None: what is free); ``pictures`` says how
    pictures are read, and ``members`` which arrays of an .npz.

    Raises ``InputError``, one line that starts with the file's label.
    """
    path, name = split_member(path)
    with reading(path):
        file, is_stream = base.open_input(path, streams=streams)
    with file:
        if is_stream:
            yield from _read_stream(file, path, max_bytes, pictures, members)
            return
        with reading(path):
            kind = base.kind_of(file.read(base.HEAD))
            file.seek(0)
            if name is not None and kind != "npz":
                raise InputError(f"it has no array {name!r}: only .npz files have names inside")
        if kind == "npy":
            with reading(path):
                header = npy.read_header(file)
                npy.check_size(header, os.fstat(file.fileno()).st_size, "the file")
                stored = StoredNpy(file, header, max_bytes)
            yield Loaded(path, stored, "npy")
        else:
            yield from _read_seekable(file, path, kind, name, max_bytes, pictures, members)


def read_stdin(
    stream: BinaryIO,
    *,
    max_bytes: int | None = None,
    pictures: PictureInput = AS_USUAL,
    members: Members = ALL,
) -> Iterator[Loaded]:
    """Yield the arrays that come through a pipe: .npy one after another, .npz, picture or text.

    The labels are ``-``, and ``-#2``, ``-#3`` for what follows the first .npy. Raises as
    ``read_file`` does.
    """
    return _read_stream(stream, "-", max_bytes, pictures, members)


def parse_matrix(text: str, label: str = "matrix") -> Loaded:
    """Return the matrix that a text such as ``1 3; 5 6`` spells.

    >>> parse_matrix("1 3; 5 6").array.tolist()
    [[1, 3], [5, 6]]
    """
    from poolcli.formats.text import parse_matrix_text

    with reading(label):
        return Loaded(label, parse_matrix_text(text), "text", None, ".txt")


def split_member(path: str) -> tuple[str, str | None]:
    """Split ``file.npz:name`` when the whole is no file and what stands before a colon is."""
    if not os.path.lexists(path):
        end = path.rfind(":")
        while end > 0:
            if os.path.isfile(path[:end]):
                return path[:end], path[end + 1 :]
            end = path.rfind(":", 0, end)
    return path, None


def _read_stream(
    stream: BinaryIO,
    label: str,
    max_bytes: int | None,
    pictures: PictureInput,
    members: Members,
) -> Iterator[Loaded]:
    peekable = Peekable(stream)
    with reading(label):
        kind = base.kind_of(peekable.peek(len(npy.MAGIC)))  # no more, so as not to wait for more
        if kind != "npy":
            kind = base.kind_of(peekable.peek(base.HEAD))
    if kind != "npy":
        with reading(label):
            whole = peekable.read_all(kind, max_bytes)
        file = io.BytesIO(whole)
        yield from _read_seekable(file, label, kind, None, max_bytes, pictures, members)
        return
    for count in itertools.count(1):
        this = label if count == 1 else f"{label}#{count}"
        with reading(this):
            if not peekable.peek(1):
                return
            array = npy.read_array(peekable, None, max_bytes)
        yield Loaded(this, array, "npy")


def _read_seekable(
    file: BufferedReader | io.BytesIO,
    label: str,
    kind: str,
    name: str | None,
    max_bytes: int | None,
    pictures: PictureInput,
    members: Members,
) -> Iterator[Loaded]:
    if kind == "npz":
        yield from _read_npz(file, label, name, max_bytes, members)
    elif kind == "text":
        yield from _read_text(file, label, max_bytes)
    elif kind == "npy":
        with reading(label):
            array = npy.read_array(file, None, max_bytes)
        yield Loaded(label, array, "npy")
    else:
        with reading(label):
            picture = read_picture(file, kind, max_bytes, pictures)
        extension = extension_of(kind, picture.array)
        yield Loaded(label, picture.array, "image", picture.layout, extension, None, picture.notes)


def _read_npz(
    file: BinaryIO, label: str, name: str | None, max_bytes: int | None, members: Members
) -> Iterator[Loaded]:
    from poolcli.formats import npz
    from poolcli.formats.npz import OwnView, PackedNpy

    with reading(label):
        archive = npz.open_zip(file)
    failures: list[InputError] = []
    for member in npz.choose(archive, label, name, members):
        this, info = f"{label}:{member.name}", member.info
        try:
            if member.problem is not None:
                raise member.problem
            with reading(this):
                array: np.ndarray | PackedNpy
                if info.file_size > _STREAMED and not isinstance(file, io.BytesIO):
                    # Of its own, as it outlives this file, and unpacked as it is pooled.
                    own = npz.open_zip(cast(BinaryIO, io.BufferedReader(OwnView(file))))
                    array = npz.open_member(own, info, max_bytes)
                else:
                    array = npz.read_member(archive, info, max_bytes)
        except InputError as error:
            failures.append(error)
            continue
        yield Loaded(this, array, "npz", None, ".npz", member.name, None, member.beside)
    if failures:
        raise npz.first_of(failures)


def _read_text(file: BinaryIO, label: str, max_bytes: int | None) -> Iterator[Loaded]:
    from poolcli.formats.text import read_text

    extension = _TEXT_FORMATS.get(os.path.splitext(label)[1].lower(), ".txt")
    with reading(label):
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        check_memory(size, max_bytes)
        arrays = list(read_text(file.read()))
    for number, array in enumerate(arrays, 1):
        this = label if number == 1 else f"{label}#{number}"
        yield Loaded(this, array, "text", None, extension)


class Peekable:
    """A stream whose next bytes can be looked at before they are read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._held = b""

    def peek(self, size: int) -> bytes:
        """Return up to ``size`` bytes without taking them; fewer only at the end."""
        while len(self._held) < size:
            piece = self._stream.read(size - len(self._held))
            if not piece:
                break
            self._held += piece
        return self._held[:size]

    def read(self, size: int = -1, /) -> bytes:
        if size < 0 or not self._held:
            held, self._held = self._held, b""
            return held + self._stream.read(size)
        data, self._held = self._held[:size], self._held[size:]
        return data

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read_all(self, kind: str, max_bytes: int | None) -> bytes:
        """Return the rest of the stream, which an endless one does not have."""
        from poolcli.formats.text import check_start

        limit = available_memory() // 2 if max_bytes is None else max_bytes
        pieces: list[bytes] = []
        length = 0
        for piece in iter(lambda: self.read(_CHUNK), b""):
            if kind == "text" and not pieces:
                check_start(piece)
            pieces.append(piece)
            length += len(piece)
            if length > limit:
                raise InputError(f"more than {size_text(limit)} came; write it to a file first")
        return b"".join(pieces)


def read_picture(
    file: BinaryIO, kind: str, max_bytes: int | None = None, wanted: PictureInput = AS_USUAL
) -> Picture:
    """Decode the picture in a seekable file whose first bytes are those of ``kind``.

    Grey is "HW", colour "HWC" with 3 or 4 channels (grey with transparency: 2), animations and
    several pages have "N" before. 1 bit gives bool, 8 bits uint8, 16 bits uint16. Palettes are
    expanded, with their transparency; CMYK becomes RGB where its inks are not ``wanted``; an EXIF
    orientation is applied.

    Raises ``InputError`` without the file's name.
    """
    try:
        with _quiet():
            if kind == "tiff":
                from poolcli.formats.tiff import read_tiff

                return read_tiff(file, max_bytes, wanted)
            return read_by_pillow(file, kind, max_bytes, wanted)
    except InputError:
        raise
    except Exception as error:  # decoders raise anything on damaged data
        raise InputError(_reason(error, kind)) from error


def _reason(error: Exception, kind: str) -> str:
    name = {"pnm": "PNM", "webp": "WebP"}.get(kind, PILLOW_NAMES[kind])
    if isinstance(error, TELLING) and type(error).__name__ != "UnidentifiedImageError":
        return f"it cannot be decoded as {name}: {cause(error)}"
    return f"it cannot be decoded as {name}: it is damaged or truncated"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the decoders' warnings from the user; what matters is checked and raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def extension_of(kind: str, array: np.ndarray) -> str:
    """Return the extension that writes the same kind of picture again."""
    if kind == "pnm":
        return ".pbm" if array.dtype == np.bool_ else ".pgm" if array.ndim == 2 else ".ppm"
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")


# Pillow mode, as it will be read -> (dtype, channels). Others are read to be described.
_PIXELS = {
    "1": (np.bool_, 1),
    "L": (np.uint8, 1),
    "LA": (np.uint8, 2),
    "RGB": (np.uint8, 3),
    "RGBA": (np.uint8, 4),
    "CMYK": (np.uint8, 4),
}


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


def describe_by_header(
    path: str, pictures: PictureInput = AS_USUAL, members: Members = ALL
) -> Iterable[Described] | None:
    """Return what headers tell of the arrays in a file; None where the values have to be read.

    Raises ``InputError`` as ``describe_file`` does, of arrays in an archive when they are gone
    through.
    """
    file_path, name = split_member(path)
    with reading(file_path):
        if base.is_stream(file_path):
            raise InputError("it is a pipe, and what comes through it can be read only once")
        with base.open_input(file_path, streams=False)[0] as file:
            kind = base.kind_of(file.read(base.HEAD))
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
    with reading(path), base.open_input(path, streams=False)[0] as file:
        kind = base.kind_of(file.read(base.HEAD))
        file.seek(0)
        if kind == "text":
            return None

        array = _most_of_tiff(file) if kind == "tiff" else _most_pixels(file, kind, pictures)
        return [
            Described(path, array.shape, array.dtype, "image", "NHWC", extension_of(kind, array))
        ]


def _npz(path: str, name: str | None, members: Members) -> Iterator[Described]:
    """Describe arrays of an archive; what is wrong with others of them is raised at the end."""
    from poolcli.formats import npz

    with base.open_input(path)[0] as file:
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
    from poolcli.formats.image import layout_of

    nodata = None
    if kind == "tiff":
        from poolcli.formats.tiff import header_of

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
    from poolcli.formats import image as images
    from poolcli.formats import png16, pnm

    if kind == "pnm":  # its depth is not what Pillow says
        shape, depth = pnm.read_shape(file)
        check_count((shape[1], shape[0]), pictures.max_pixels)
        return _stand_in(shape, depth)
    with images.open_image(file, images.PILLOW_NAMES[kind], pictures.max_pixels) as image:
        if kind != "jpeg" and getattr(image, "n_frames", 1) > 1:
            return None
        dtype: Any
        if kind == "png" and png16.is_deep(image):
            dtype, channels = np.uint16, png16.channels_of_deep(image)
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
    from poolcli.formats import image as images

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


DEFAULT = PictureOutput()


def write_file(
    path: str,
    array: np.ndarray,
    *,
    layout: str | None = None,
    overwrite: bool = False,
    format: str | None = None,
    notes: Notes | None = None,
    how: PictureOutput = DEFAULT,
    ready: Ready | None = None,
) -> None:
    """Write an array to a path, in the format that ``format`` or the path's extension names.

    .npy, .npz (as ``arr_0``), .csv, .tsv, .txt and pictures; a device or pipe without an extension
    gets .npy. ``layout`` tells a picture which axes are height, width, channels and frames,
    ``notes`` what else to write into it and ``how`` the way it is packed. An existing file is
    replaced only with ``overwrite``, and only by a complete one.

    Raises ``OutputError``, one line that starts with the path.
    """
    with writing(path):
        extension = (format or os.path.splitext(path)[1]).lower()
        if not extension and os.path.exists(path) and not os.path.isfile(path):
            extension = ".npy"
        content = _prepared(array, extension, layout, notes, how)
        with atomic_target(path, overwrite, ready) as stream:
            _write(stream, content, extension)


@contextmanager
def npy_output(
    path: str,
    shape: tuple[int, ...],
    box_shape: tuple[int, ...],
    dtype: np.dtype[Any],
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
) -> Iterator[NpyOutput]:
    """Give an .npy file to write box by box; when the block ends well it becomes ``path``.

    Only for paths that are, or will be, regular files. Raises ``OutputError``, one line that starts
    with the path; what the block raises passes as it is.
    """
    target = atomic_target(path, overwrite, ready)
    with writing(path):
        file = target.__enter__()
    try:
        with writing(path):
            output = NpyOutput(path, file, shape, box_shape, dtype)
        yield output
    except BaseException:
        target.__exit__(*sys.exc_info())
        raise
    with writing(path):
        target.__exit__(None, None, None)


def write_stream(
    stream: BinaryIO,
    array: np.ndarray,
    *,
    format: str = ".npy",
    layout: str | None = None,
    notes: Notes | None = None,
    how: PictureOutput = DEFAULT,
) -> None:
    """Write an array to an open stream, such as stdout, and flush it; see :func:`write_file`.

    Raises ``BrokenPipeError`` when the reader has gone, ``OutputError`` for everything else.
    """
    with writing("-"):
        extension = format.lower()
        _write(stream, _prepared(array, extension, layout, notes, how), extension)
        stream.flush()


def write_bytes(path: str, content: bytes, *, overwrite: bool = False) -> None:
    """Write what is encoded already, beside its target first.

    An existing file is replaced only with ``overwrite``. Raises ``OutputError``, one line that
    starts with the path.
    """
    with writing(path), atomic_target(path, overwrite) as stream:
        npy.write_all(stream, content)


def write_npz(
    path: str,
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
) -> None:
    """Write several arrays as one .npz; the same arrays give the same bytes."""
    from poolcli.formats import npz

    with writing(path), atomic_target(path, overwrite, ready) as stream:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            npz.write_members(stream, arrays)
        else:
            npy.write_all(stream, npz.encode(arrays))


def _prepared(
    array: np.ndarray,
    extension: str,
    layout: str | None,
    notes: Notes | None,
    how: PictureOutput,
) -> np.ndarray | bytes:
    """Return what to write; everything that may be refused is refused here, before any file is."""
    if extension in (".npy", ".npz", *SEPARATORS):
        if array.dtype.kind not in "biuf":
            raise OutputError(f"an array of {array.dtype} cannot be written; numbers and bool can")
        if extension != ".npz":
            return array
        from poolcli.formats.npz import encode

        return encode({"arr_0": array})
    from poolcli.formats.image_writer import FORMATS, encode_picture

    if extension not in FORMATS:
        known = " ".join((".npy", ".npz", *SEPARATORS, *FORMATS))
        named = f"extension {extension!r} is unknown" if extension else "it has no extension"
        raise OutputError(f"{named}; those written are {known}")
    return encode_picture(array, extension, layout, notes, how)


def _write(stream: BinaryIO, content: np.ndarray | bytes, extension: str) -> None:
    if isinstance(content, bytes):
        npy.write_all(stream, content)
    elif extension == ".npy":
        npy.write_array(stream, content)
    else:
        from poolcli.formats.text import format_plain

        for line in format_plain(content, SEPARATORS[extension]):
            npy.write_all(stream, f"{line}\n".encode("ascii"))
