"""The doors for reading: files, pipes and typed matrices."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from poolcli.errors import InputError
from poolcli.formats.addresses import is_address, is_far_store
from poolcli.formats.base import HEAD, Format, Opened, OpenFile, Source, SourceInfo, in_memory
from poolcli.formats.guard import available_memory, reading, size_text
from poolcli.formats.opening import is_stream, open_input
from poolcli.formats.settings import DEFAULT_READING, Reading
from poolcli.formats.table import TABLE, TEXT, ZARR, format_of, format_of_folder, row_of

_CHUNK = 1 << 20
# No more of a stream is waited for before it is known that it goes on: so much begins every .npy.
_FIRST = 6


def open_file(path: str, settings: Reading = DEFAULT_READING, *, streams: bool = True) -> OpenFile:
    """Open a file, or with ``file.npz:name`` one array of it.

    What the file is, its first bytes say. Named pipes are read to their end as stdin is; without
    ``streams`` they are refused.

    Raises ``InputError``, one line that starts with the path.
    """
    path, name = split_member(path)
    if is_address(path):
        return _open_address(path, name, settings)
    row = format_of_folder(path) if os.path.isdir(path) else None
    if row is not None:
        return row.opener(Opened(io.BytesIO(), path, row, settings, name))
    with reading(path):
        file, streaming = open_input(path, streams=streams)
    if streaming:
        return open_stream(cast(BinaryIO, file), settings, label=path)
    try:
        with reading(path):
            row = _recognised(cast(BinaryIO, file), name)
    except BaseException:
        file.close()
        raise
    return row.opener(Opened(cast(BinaryIO, file), path, row, settings, name))


def _recognised(file: BinaryIO, member: str | None) -> Format:
    """Say what a file is, of which an array of this name is wanted, and go back to its start."""
    row = format_of(file.read(HEAD))
    file.seek(0)
    if member is not None and not row.is_archive:
        archives = ", ".join(row.extensions[0] for row in TABLE if row.is_archive)
        raise InputError(
            f"it has no array {member!r}: only {archives} have names inside", code="not_found"
        )
    return row


def _open_address(address: str, member: str | None, settings: Reading) -> OpenFile:
    """Open an object far away: by ranges where its format has them, else all of it is fetched."""
    from poolcli.formats import remote  # late: few inputs are far away

    if is_far_store(address):
        store = Opened(io.BytesIO(), address.rstrip("/"), ZARR, settings, member)
        return ZARR.opener(store)
    with reading(address):
        file = remote.open_input(address)
        try:
            row = _recognised(file, member)
            if not row.has_ranges:
                file = remote.as_a_whole(file)
        except BaseException:
            file.close()
            raise
    return row.opener(Opened(file, address, row, settings, member))


def open_stream(
    stream: BinaryIO, settings: Reading = DEFAULT_READING, *, label: str = "-", own: bool = True
) -> OpenFile:
    """Open what comes through a pipe; nothing is read before its arrays are asked for.

    The labels are ``-``, and ``-#2``, ``-#3`` for what follows the first .npy.
    """
    return _Stream(Opened(stream, label, TEXT, settings), own)


class _Stream(OpenFile):
    """What comes through a pipe: arrays one after another, or a file that is gathered first."""

    def __init__(self, opened: Opened, own: bool) -> None:
        super().__init__(opened)
        self._own = own

    @property
    def has_header(self) -> bool:
        """It is not: what was read is gone."""
        return False

    def sources(self) -> Iterator[Source]:
        """Give the arrays."""
        stream, label, _, settings, _ = self.opened
        peekable = Peekable(stream)
        with reading(label):
            first = peekable.peek(_FIRST)
            found = [row for row in TABLE if row.stream is not None and row.recognises(first)]
            row = found[0] if found else format_of(peekable.peek(HEAD))
            if row.stream is None:
                whole = io.BytesIO(peekable.read_all(row, settings))
        if row.stream is not None:
            yield from row.stream(peekable, label, settings, row)
        else:
            gathered = row.opener(Opened(whole, label, row, settings))
            for source in gathered.sources():
                self.attributes = gathered.attributes
                yield source

    def close(self) -> None:
        """Close the pipe, unless it is standard input."""
        if self._own:
            super().close()


def open_matrix(
    text: str, settings: Reading = DEFAULT_READING, *, label: str = "matrix"
) -> OpenFile:
    """Open a typed matrix, such as ``1 3; 5 6``."""
    return _Typed(Opened(io.BytesIO(), label, TEXT, settings), text)


class _Typed(OpenFile):
    """A matrix that was typed in place."""

    def __init__(self, opened: Opened, text: str) -> None:
        super().__init__(opened)
        self._text = text

    def sources(self) -> Iterator[Source]:
        """Give the matrix."""
        from poolcli.formats.text import meant, parse_matrix_text

        label, row = self.opened.label, self.opened.format
        with reading(label):
            array = meant(parse_matrix_text(self._text), self.opened.reading)
        yield in_memory(SourceInfo(label, array.shape, array.dtype, row, ".txt"), array)


def read_file(
    path: str, settings: Reading = DEFAULT_READING, *, streams: bool = True
) -> Iterator[Source]:
    """Yield the arrays of a file: one, or every one of an .npz; see :func:`open_file`.

    In an .npz an array that cannot be read does not keep back the others: its error comes after
    them. Raises ``InputError``, one line that starts with the file's label.
    """
    yield from read_arrays(open_file(path, settings, streams=streams))


def read_arrays(file: OpenFile) -> Iterator[Source]:
    """Yield the arrays of an open file, each when its values can be read."""
    failures: list[InputError] = []
    sources = file.sources()
    while True:
        try:
            source = next(sources, None)
            if source is None:
                break
            _ = source.content
        except InputError as error:
            failures.append(error)
        else:
            yield source
    if failures:
        raise failures[0]


def read_stdin(stream: BinaryIO, settings: Reading = DEFAULT_READING) -> Iterator[Source]:
    """Yield the arrays that come through a pipe: .npy one after another, .npz, picture or text."""
    return read_arrays(open_stream(stream, settings, own=False))


def parse_matrix(text: str) -> Source:
    """Return the matrix that a text such as ``1 3; 5 6`` spells.

    >>> parse_matrix("1 3; 5 6").array.tolist()
    [[1, 3], [5, 6]]
    """
    return next(open_matrix(text).sources())


def describe_file(path: str, settings: Reading = DEFAULT_READING) -> Iterator[SourceInfo]:
    """Yield what is known of the arrays of a file before their values are read.

    Text, and pictures whose header does not tell all, are read. A named pipe is refused: what is
    read from it is gone. Raises ``InputError``, one line that starts with the file's label.
    """
    if is_stream(split_member(path)[0]):
        raise InputError(f"{path}: it is a pipe, and what comes through it can be read only once")
    file = open_file(path, settings, streams=False)
    try:
        yield from (source.info for source in file.sources())
    finally:
        file.close()


def split_member(path: str) -> tuple[str, str | None]:
    """Split ``file.npz:name`` when the whole is no file and what stands before a colon is."""
    if is_address(path):
        return _split_address(path)
    if not os.path.lexists(path):
        end = path.rfind(":")
        while end > 0:
            if os.path.isfile(path[:end]) or is_store(path[:end]):
                return path[:end], path[end + 1 :]
            end = path.rfind(":", 0, end)
    return path, None


def _split_address(address: str) -> tuple[str, str | None]:
    """Split ``s3://bucket/file.npz:name`` by the ending of the file: nobody is asked."""
    end = address.find(":", address.index("://") + 3)
    while end > 0:
        row = row_of(os.path.splitext(address[:end])[1])
        if row is not None and row.is_archive:
            return address[:end], address[end + 1 :]
        end = address.find(":", end + 1)
    return address, None


def is_store(path: str) -> bool:
    """Tell whether a path is a folder that is one input, and not a folder of files."""
    return os.path.isdir(path) and format_of_folder(path) is not None


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

    def read_all(self, row: Format, settings: Reading) -> bytes:
        """Return the rest of the stream, which an endless one does not have."""
        limit = available_memory() // 2 if settings.max_bytes is None else settings.max_bytes
        pieces: list[bytes] = []
        length = 0
        for piece in iter(lambda: self.read(_CHUNK), b""):
            if row.start is not None and not pieces:
                row.start(piece, settings.dialect)
            pieces.append(piece)
            length += len(piece)
            if length > limit:
                raise InputError(f"more than {size_text(limit)} came; write it to a file first")
        return b"".join(pieces)
