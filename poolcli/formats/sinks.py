"""Where results go: files and streams that get their arrays box by box or as a whole, or nowhere.

A sink is opened for an array of a known shape and dtype, written, and complete when its block ends
well; when the block raises, nothing of it is left.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from poolcli.engine.arrays import Gathered, Writable
from poolcli.errors import OutputError
from poolcli.formats import npy
from poolcli.formats.atomic import Ready, atomic_folder, atomic_target, make_folders
from poolcli.formats.base import ArchiveOutput, Format
from poolcli.formats.description import NewArray
from poolcli.formats.guard import writing
from poolcli.formats.settings import DEFAULT_PACKING, Packing
from poolcli.formats.table import NPY, refusal, row_of

if TYPE_CHECKING:
    from poolcli.engine.arrays import StoredOutput
    from poolcli.formats.metadata import Metadata


class ResultShape(NamedTuple):
    """What a sink gets; ``box_shape`` is ``shape`` with the axes of length 1 that boxes keep."""

    shape: tuple[int, ...]
    box_shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, array: np.ndarray) -> ResultShape:
        """Say of an array that is there already what a sink of it would get."""
        return cls(array.shape, array.shape, array.dtype)

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return size


class Finished(NamedTuple):
    """An array as it is to be encoded, and what of its input is lost, a sentence each."""

    array: np.ndarray
    layout: str | None = None
    metadata: Metadata | None = None
    lost: tuple[str, ...] = ()


def as_it_is(array: np.ndarray) -> Finished:
    """Encode the numbers as they are."""
    return Finished(array)


class Sink(Protocol):
    """A result that is being made.

    ``content`` is what the engine writes. ``chunks`` is the shape of the boxes that it is best
    written in, None where any are as good. ``array`` is the result, where it is in memory, and
    ``lost`` what its input says and it cannot, both once it is complete. ``is_written``: it went to
    a file or a stream.
    """

    @property
    def content(self) -> Writable: ...
    @property
    def chunks(self) -> tuple[int, ...] | None: ...
    @property
    def array(self) -> np.ndarray | None: ...
    @property
    def lost(self) -> tuple[str, ...]: ...
    @property
    def is_written(self) -> bool: ...


class MemorySink:
    """A sink that keeps the array, to be shown or encoded."""

    chunks = None

    def __init__(self, result: ResultShape) -> None:
        self.content = Gathered(result.shape, result.dtype)
        self.lost: tuple[str, ...] = ()
        self.is_written = False

    @property
    def array(self) -> np.ndarray:
        """The result."""
        return self.content.array


class BoxSink:
    """A sink that is written box by box, at ``path`` until it is complete."""

    array = None
    is_written = True

    def __init__(self, content: StoredOutput, lost: tuple[str, ...], path: str) -> None:
        self.content, self.lost, self.path = content, lost, path

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Those of what is written."""
        return self.content.chunks


Open = Callable[[], AbstractContextManager[BinaryIO]]
Finish = Callable[[np.ndarray], Finished]


@contextmanager
def memory_sink(result: ResultShape) -> Iterator[MemorySink]:
    """Give a sink for a result that is only looked at."""
    yield MemorySink(result)


@contextmanager
def encoded_sink(
    result: ResultShape, extension: str, file: OutputFile, finish: Finish = as_it_is
) -> Iterator[MemorySink]:
    """Give a sink that is encoded as a whole, and written when its block ends well.

    ``finish`` says as what. Raises ``OutputError`` with the label of ``file``.
    """
    sink = MemorySink(result)
    yield sink
    finished = finish(sink.array)
    file.write(finished, extension)
    sink.lost, sink.is_written = finished.lost, True


@contextmanager
def box_sink(
    new: NewArray,
    row: Format,
    path: str,
    *,
    lost: tuple[str, ...] = (),
    overwrite: bool = False,
    ready: Ready | None = None,
) -> Iterator[BoxSink]:
    """Give a sink that is written box by box into a file, or a folder, that becomes ``path``.

    Only for paths that are, or will be, no devices. ``lost`` is what the result cannot say. Raises
    ``OutputError``, one line that starts with the path; what the block raises passes as it is.
    """
    write = row.boxes if new.pyramid is None else row.levels
    assert write is not None, row.name
    with _opened(row, path, overwrite, ready) as target:
        with writing(path):
            content = write(target, new)
        yield BoxSink(content, lost, target if isinstance(target, str) else target.name)
        with writing(path):
            content.complete()


@contextmanager
def _opened(
    row: Format, path: str, overwrite: bool, ready: Ready | None
) -> Iterator[BinaryIO | str]:
    """Give a new file, or the path of a new folder, that becomes ``path`` at a clean end."""
    target: AbstractContextManager[BinaryIO | str]
    if row.folder is None:
        target = atomic_target(path, overwrite, ready)
    else:
        target = atomic_folder(path, row.folder, overwrite, ready)
    try:
        with writing(path):
            opened = target.__enter__()
        yield opened
    except BaseException:
        target.__exit__(*sys.exc_info())
        raise
    with writing(path):
        target.__exit__(None, None, None)


@contextmanager
def shared(new: NewArray, row: Format, path: str) -> Iterator[StoredOutput]:
    """Give what writes boxes into what another process has begun at ``path``, and will complete.

    Raises ``OutputError``, one line that starts with the label of ``new``.
    """
    assert row.shared is not None, row.name
    with writing(new.label):
        file = path if row.folder is not None else open(path, "r+b", buffering=0)  # noqa: SIM115
    try:
        with writing(new.label):
            content = row.shared(file, new)
        yield content
    finally:
        if not isinstance(file, str):
            with writing(new.label):  # whatever could not be written shows here at the latest
                file.close()


@contextmanager
def archive_sink(
    members: Mapping[str, NewArray],
    row: Format,
    path: str,
    attributes: Mapping[str, Any],
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
) -> Iterator[ArchiveOutput]:
    """Give an archive whose arrays are written box by box, in turn; as :func:`box_sink`."""
    assert row.archive is not None, row.name
    with _opened(row, path, overwrite, ready) as target:
        with writing(path):
            archive = row.archive(target, members, attributes)
        yield archive


@contextmanager
def member_sink(
    archive: ArchiveOutput, name: str, path: str, lost: tuple[str, ...] = ()
) -> Iterator[BoxSink]:
    """Give the sink of one array of an archive that becomes ``path``."""
    with writing(path):
        content = archive.member(name)
    yield BoxSink(content, lost, path)
    with writing(path):
        content.complete()


class OutputFile(NamedTuple):
    """Where encoded bytes go: ``opener`` gives a file, and ``label`` is its name in errors."""

    label: str
    opener: Open
    packing: Packing = DEFAULT_PACKING

    def write(self, finished: Finished, extension: str) -> None:
        """Write an array; everything that may be refused is refused before any file is opened."""
        array, layout, metadata, _ = finished
        with writing(self.label):
            row = row_of(extension)
            if row is None or row.encode is None:
                raise OutputError(refusal(extension))
            if row.pictures is None and array.dtype.kind not in "biuf":
                raise OutputError(
                    f"an array of {array.dtype} cannot be written; numbers and bool can",
                    code="not_held",
                )
            pieces = row.encode(array, extension.lower(), layout, metadata, self.packing)
            with self.opener() as stream:
                for piece in pieces:
                    npy.write_all(stream, piece)
                stream.flush()


def to_path(
    path: str,
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> OutputFile:
    """Write to a path: an existing file is replaced only if told so, and only by a complete one."""
    return OutputFile(path, lambda: atomic_target(path, overwrite, ready), packing)


def to_stream(stream: BinaryIO, *, packing: Packing = DEFAULT_PACKING) -> OutputFile:
    """Write to an open stream, such as stdout, and flush it."""

    @contextmanager
    def opener() -> Iterator[BinaryIO]:
        yield stream

    return OutputFile("-", opener, packing)


def make_folder_of(path: str) -> None:
    """Make the folders that a path lies in, as far as there are none. Raises ``OutputError``."""
    folder = os.path.dirname(path)
    try:
        make_folders(folder)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error


def write_file(
    path: str,
    array: np.ndarray,
    *,
    layout: str | None = None,
    overwrite: bool = False,
    format: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
    ready: Ready | None = None,
) -> None:
    """Write an array to a path, in the format that ``format`` or the path's extension names.

    Those of the table; a device or pipe without an extension gets .npy. ``layout`` tells a picture
    which axes are height, width, channels and frames, ``metadata`` what else to write into it and
    ``packing`` the way it is packed. An existing file is replaced only with ``overwrite``, and only
    by a complete one.

    Raises ``OutputError``, one line that starts with the path.
    """
    extension = (format or os.path.splitext(path)[1]).lower()
    with writing(path):
        if not extension and os.path.exists(path) and not os.path.isfile(path):
            extension = NPY.extensions[0]
    file = to_path(path, overwrite=overwrite, ready=ready, packing=packing)
    file.write(Finished(array, layout, metadata), extension)


def write_stream(
    stream: BinaryIO,
    array: np.ndarray,
    *,
    format: str = ".npy",
    layout: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> None:
    """Write an array to an open stream, such as stdout, and flush it; see :func:`write_file`.

    Raises ``BrokenPipeError`` when the reader has gone, ``OutputError`` for everything else.
    """
    to_stream(stream, packing=packing).write(Finished(array, layout, metadata), format)


def write_bytes(path: str, content: bytes, *, overwrite: bool = False) -> None:
    """Write what is encoded already, beside its target first.

    An existing file is replaced only with ``overwrite``. Raises ``OutputError``, one line that
    starts with the path.
    """
    with writing(path), atomic_target(path, overwrite) as stream:
        npy.write_all(stream, content)


def write_archive(
    path: str,
    arrays: Mapping[str, np.ndarray],
    row: Format,
    attributes: Mapping[str, Any] = MappingProxyType({}),
    *,
    overwrite: bool = False,
    ready: Ready | None = None,
) -> None:
    """Write several arrays as one archive; the same arrays give the same bytes.

    ``attributes`` are what is said of all of them, where the format has a place for that.
    """
    assert row.pack is not None, row.name
    if row.folder is not None:
        with _opened(row, path, overwrite, ready) as folder, writing(path):
            row.pack(folder, arrays, attributes)
        return
    with writing(path), atomic_target(path, overwrite, ready) as stream:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            row.pack(stream, arrays, attributes)
            return
        # Nobody can go back in pipes and devices.
        whole = io.BytesIO()
        row.pack(whole, arrays, attributes)
        npy.write_all(stream, whole.getvalue())
