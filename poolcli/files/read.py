"""The doors inwards: a path, a pipe, or a matrix typed in place."""

import io
import itertools
import os
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, BinaryIO, cast

import numpy as np

from poolcli.errors import InputError
from poolcli.files import npy, sniff
from poolcli.files.causes import available_memory, check_memory, reading, size_text
from poolcli.files.loaded import ALL, Loaded, Members
from poolcli.files.notes import AS_USUAL, PictureInput
from poolcli.files.stored import StoredNpy

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
        file, is_stream = sniff.open_input(path, streams=streams)
    with file:
        if is_stream:
            yield from _read_stream(file, path, max_bytes, pictures, members)
            return
        with reading(path):
            kind = sniff.kind_of(file.read(sniff.HEAD))
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


def parse_matrix(text: str) -> Loaded:
    """Return the matrix that a text such as ``1 3; 5 6`` spells.

    >>> parse_matrix("1 3; 5 6").array.tolist()
    [[1, 3], [5, 6]]
    """
    from poolcli.files.text import parse_matrix_text

    with reading("--matrix"):
        return Loaded("--matrix", parse_matrix_text(text), "text", None, ".txt")


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
        kind = sniff.kind_of(peekable.peek(len(npy.MAGIC)))  # no more, so as not to wait for more
        if kind != "npy":
            kind = sniff.kind_of(peekable.peek(sniff.HEAD))
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
        from poolcli.files.pictures import extension_of, read_picture

        with reading(label):
            picture = read_picture(file, kind, max_bytes, pictures)
        extension = extension_of(kind, picture.array)
        yield Loaded(label, picture.array, "image", picture.layout, extension, None, picture.notes)


def _read_npz(
    file: BinaryIO, label: str, name: str | None, max_bytes: int | None, members: Members
) -> Iterator[Loaded]:
    from poolcli.files import npz
    from poolcli.files.packed import OwnView, PackedNpy

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
    from poolcli.files.text import read_text

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
        from poolcli.files.text import check_start

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
