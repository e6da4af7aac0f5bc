"""The doors outwards: a path, written beside its target and renamed, or a stream."""

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import OutputError
from poolcli.files import npy
from poolcli.files.atomic import Ready, atomic_target
from poolcli.files.causes import writing
from poolcli.files.notes import Notes, PictureOutput
from poolcli.files.stored import NpyOutput

DEFAULT = PictureOutput()
SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": " "}


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


def write_npz(
    path: str,
    arrays: Mapping[str, np.ndarray],
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
) -> None:
    """Write several arrays as one .npz; the same arrays give the same bytes."""
    from poolcli.files import npz

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
        from poolcli.files.npz import encode

        return encode({"arr_0": array})
    from poolcli.files.picture_writing import FORMATS, encode_picture

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
        from poolcli.files.text import format_plain

        for line in format_plain(content, SEPARATORS[extension]):
            npy.write_all(stream, f"{line}\n".encode("ascii"))
