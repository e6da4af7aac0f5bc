"""Which inputs: what was named, listed or typed, with folders and leftover globs as their files."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from poolcli import files
from poolcli.batch.formats import WRITABLE
from poolcli.batch.lists import STDIN, read_list
from poolcli.batch.walk import Found, walk
from poolcli.errors import InputError, UsageError
from poolcli.files import ALL, AS_USUAL, Loaded, Members, PictureInput, sniff
from poolcli.files.text import check_start


class Read(Protocol):
    """Reads the arrays of a source, as ``files.read_file`` does."""

    def __call__(
        self,
        *,
        max_bytes: int | None = None,
        pictures: PictureInput = AS_USUAL,
        members: Members = ALL,
    ) -> Iterator[Loaded]: ...


class Source(NamedTuple):
    """Something to pool.

    ``path`` is None for what is no file: standard input, a typed matrix. ``root`` is the folder
    that was named, for a file found in it, and ``folder`` where below it, or below what stands
    before the ``**`` of a pattern, the file lies. ``fails`` says that reading it only raises the
    error to report, as for a folder with nothing in it.
    """

    label: str
    read: Read
    path: str | None = None
    root: str | None = None
    folder: str = ""
    fails: bool = False
    members: Members = ALL

    def choosing(self, members: Members) -> Source:
        """The same source, of which these arrays are meant where it is an archive."""
        return self._replace(read=partial(self.read, members=members), members=members)

    @property
    def from_folder(self) -> bool:
        """Whether it was found in a folder rather than named."""
        return self.root is not None

    @property
    def file(self) -> str | None:
        """The file behind it: that of an array named as ``file.npz:name`` is ``file.npz``."""
        path = self.path
        while path is not None and ":" in path and not os.path.lexists(path):
            path = path.rpartition(":")[0]
        return path

    @property
    def is_stored(self) -> bool:
        """Whether there is a regular file, whose header can be looked at before it is read."""
        return self.file is not None and os.path.isfile(self.file)

    @property
    def member(self) -> str | None:
        """The array that was named as ``file.npz:name``; None where the file itself was."""
        if self.path is None or self.file is None:
            return None
        return self.path[len(self.file) + 1 :].removesuffix(".npy") or None


class Search(NamedTuple):
    """How folders are searched: with their subfolders or not, and which folder to leave out."""

    recursive: bool = False
    leave_out: str | None = None


def find_sources(
    inputs: Sequence[str],
    matrices: Sequence[str] = (),
    lists: Sequence[str] = (),
    search: Search = Search(),  # noqa: B008 (it is immutable)
) -> list[Source]:
    """Turn what was named, typed or listed into sources; folders and globs become their files.

    Raises UsageError where standard input is named twice, or a list cannot be read.
    """
    if [*inputs, *lists].count(STDIN) > 1:
        raise UsageError("- is named twice, but standard input can be read only once")
    sources = [_typed(text) for text in matrices]
    for name in inputs:
        sources += _sources_named(name, search)
    for name in [name for file in lists for name in read_list(file)]:
        is_folder = os.path.isdir(name)
        sources += _sources_in_folder(name, search) if is_folder else [_file_named(name)]
    return sources


def _typed(text: str) -> Source:
    def read(
        *,
        max_bytes: int | None = None,
        pictures: PictureInput = AS_USUAL,
        members: Members = ALL,
    ) -> Iterator[Loaded]:
        yield files.parse_matrix(text)

    return Source("--matrix", read)


def _sources_named(name: str, search: Search) -> list[Source]:
    if name == STDIN:
        return [Source(STDIN, _read_stdin)]
    if os.path.isdir(name):
        return _sources_in_folder(name, search)
    if not os.path.lexists(name):
        from poolcli.batch.globs import find_matches  # late: what was named is there, mostly

        matches = [_found(match) for match in find_matches(name, search.leave_out)]
        if matches:
            return matches
    return [_file_named(name)]


def _file_named(name: str) -> Source:
    """What is named like a folder and is none has no name to give to an output."""
    if not name.endswith(os.sep):
        return _file(name)
    why = errno.ENOTDIR if os.path.lexists(name.rstrip(os.sep)) else errno.ENOENT
    return _failing(name, f"{name}: {os.strerror(why)}")


def _found(found: Found) -> Source:
    """A file as a walk has found it, or the folder that it could not look into."""
    if found.problem is not None:
        return _failing(found.path, f"{found.path}: {found.problem}")
    return _file(found.path, found=True)._replace(folder=found.folder)


def _sources_in_folder(root: str, search: Search) -> list[Source]:
    sources = []
    for found in walk(root, recursive=search.recursive, leave_out=search.leave_out):
        if found.problem is not None or _is_input(found.path):
            source = _found(found)
            sources.append(source if source.fails else source._replace(root=root))
    if not sources:
        where = "in or below this folder" if search.recursive else "in this folder"
        return [_failing(root, f"{root}: no file {where} can be pooled")]
    return sources


def _file(path: str, *, found: bool = False) -> Source:
    """A file that was named, or ``found`` in a folder: only a pipe that was named is waited for."""
    streams = not found and sniff.is_stream(path)

    def read(
        *,
        max_bytes: int | None = None,
        pictures: PictureInput = AS_USUAL,
        members: Members = ALL,
    ) -> Iterator[Loaded]:
        return files.read_file(
            path, max_bytes=max_bytes, pictures=pictures, members=members, streams=streams
        )

    return Source(path, read, path)


def _failing(label: str, message: str) -> Source:
    def read(
        *,
        max_bytes: int | None = None,
        pictures: PictureInput = AS_USUAL,
        members: Members = ALL,
    ) -> Iterator[Loaded]:
        raise InputError(message)

    return Source(label, read, fails=True)


def _read_stdin(
    *,
    max_bytes: int | None = None,
    pictures: PictureInput = AS_USUAL,
    members: Members = ALL,
) -> Iterator[Loaded]:
    if sys.stdin is None:
        raise InputError("-: standard input is closed")
    stream = sys.stdin.buffer
    return files.read_stdin(stream, max_bytes=max_bytes, pictures=pictures, members=members)


def _is_input(path: str) -> bool:
    """Tell whether a file in a folder is meant, by its name or by its first bytes.

    One that only its name says is an input is broken, and must not be passed over in silence. Text
    is anything from notes to programs: it counts by its name, and .txt only if numbers come first.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension in WRITABLE and (extension != ".txt" or not os.path.exists(path)):
        return True
    try:
        with sniff.open_input(path, streams=False)[0] as file:
            head = file.read(sniff.HEAD)
        kind = sniff.kind_of(head)
        if kind == "text":
            check_start(head if len(head) == sniff.HEAD else head + b"\n")
            return extension == ".txt"
    except OSError:
        return extension in WRITABLE
    except InputError:
        return False
    return True
