"""Which inputs: what was named, listed or typed, with folders and leftover globs as their files."""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial
from io import BufferedReader
from typing import NamedTuple, cast

from poolcli import formats
from poolcli.errors import InputError, UsageError, code_of
from poolcli.formats import opening
from poolcli.formats.base import HEAD, OpenFile
from poolcli.formats.settings import ALL, DEFAULT_READING, SNIFFED, Dialect, Members, Reading
from poolcli.formats.table import format_of, row_of

STDIN = "-"


def comes_through_stdin(waiting: Callable[[], None], patience: float = 1.0) -> bool:
    """Tell whether something comes through a pipe, or from a file, that is standard input.

    A terminal, /dev/null and what else is no data are left alone, and so is an empty pipe: whoever
    starts programs may have left theirs with one. Where nothing comes for ``patience`` seconds,
    ``waiting`` is called, to say so.
    """
    try:
        stream = sys.stdin.buffer
        mode = os.fstat(stream.fileno()).st_mode
    except (AttributeError, OSError, ValueError):  # there is none, or it is closed or no descriptor
        return False
    if not stat.S_ISFIFO(mode) and not stat.S_ISREG(mode):
        return False
    if os.name == "posix" and not select.select([stream], [], [], patience)[0]:
        waiting()
    return bool(cast(BufferedReader, stream).peek(1))


def read_list(name: str) -> list[str]:
    """Give the names in a list: separated by NUL if there is one in it, else by line ends.

    They are taken as they stand: a name may begin with ``-``, and is no pattern.

    Raises UsageError where the list cannot be read or names nothing.
    """
    try:
        if name == STDIN:
            data = b"" if sys.stdin is None else sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                data = file.read()
    except OSError as error:
        raise UsageError(f"`files_from` {name}: {error.strerror or error}") from error
    names = [os.fsdecode(line) for line in data.split(b"\0" if b"\0" in data else b"\n") if line]
    if not names:
        raise UsageError(f"`files_from` {name}: names no file")
    return names


Identity = tuple[int, int]


class Found(NamedTuple):
    """A file, and the folder it is in, relative to where the walk began ("" for that itself).

    ``problem`` says why a folder could not be looked into; ``path`` is then the folder.
    """

    path: str
    folder: str
    problem: str | None = None


def walk(root: str, *, recursive: bool = False, leave_out: str | None = None) -> Iterator[Found]:
    """Give the files of a folder in the order of their names, then those of its subfolders.

    Hidden files and folders are passed over, and what is neither file nor folder: opening a named
    pipe would wait for somebody to write into it. Links are followed, those to folders after
    everything that is really there; one that leads nowhere counts as the file that it should be.
    ``leave_out`` is a folder not to look into.
    """
    folders, links = [(root, "")], deque[tuple[str, str]]()
    known = {_identity(leave_out)} - {_identity(root)}
    while folders or links:
        folder, relative = folders.pop() if folders else links.popleft()
        try:
            identity = _identity(folder)
            if identity in known:
                continue
            known.add(identity)
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            yield Found(folder, relative, error.strerror or str(error))
            continue
        below: list[tuple[str, str]] = []
        for entry in sorted(visible, key=lambda entry: entry.name):
            kind = _kind(entry)
            if kind == "file" or (kind == "folder" and formats.is_store(entry.path)):
                yield Found(entry.path, relative)
            elif kind == "folder" and recursive:
                inside = (entry.path, os.path.join(relative, entry.name))
                (links if entry.is_symlink() else below).append(inside)
        folders += reversed(below)


def count_subfolders(root: str) -> int:
    """How many folders :func:`walk` passes over where it is not recursive.

    Of a folder that is an input itself, or closed to us, none.
    """
    if formats.is_store(root):
        return 0
    try:
        with os.scandir(root) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return 0
    return sum(_kind(e) == "folder" and not formats.is_store(e.path) for e in visible)


def _kind(entry: os.DirEntry[str]) -> str | None:
    try:
        if entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path)):
            return "file"
        return "folder" if entry.is_dir() else None
    except OSError:  # a link to itself, or into a folder that is closed to us
        return "file"


def _identity(path: str | None) -> Identity | None:
    """Give what is the same for all names of one folder; None where there is none."""
    try:
        info = os.stat(path) if path is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return None
    return None if info is None else (info.st_dev, info.st_ino)


ANY_DEPTH = "**"


def find_matches(pattern: str, leave_out: str | None = None) -> Iterator[Found]:
    """Give the files that match, each with its folder below what stands before ``**``.

    Without ``**`` they have no folder. With it each folder is looked into once, as in a walk, and
    ``leave_out`` is not.
    """
    import glob  # late: what was named is there, mostly

    parts = pattern.split(os.sep)
    if ANY_DEPTH not in parts:
        yield from (
            Found(path, "")
            for path in sorted(glob.glob(pattern))
            if not os.path.isdir(path) or formats.is_store(path)
        )
        return
    depth = parts.index(ANY_DEPTH)
    root, rest = os.sep.join([*parts[:depth], ""]), parts[depth:]
    for start in sorted(glob.glob(root)) if root else [os.curdir]:
        for found in walk(start, recursive=True, leave_out=leave_out):
            below = os.path.join(found.folder, os.path.basename(found.path))
            if found.problem is not None or _fits(below.split(os.sep), rest):
                yield found if root else found._replace(path=os.path.relpath(found.path))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == ANY_DEPTH:
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


class Input(NamedTuple):
    """Something to pool.

    ``opener`` opens it. ``path`` is None for what is no file: standard input, a typed matrix.
    ``root`` is the folder that was named, for a file found in it, and ``folder`` where below it, or
    below what stands before the ``**`` of a pattern, the file lies. ``is_unreadable`` says that
    opening it only raises the error to report, as for a folder with nothing in it. ``members`` are
    the arrays that are meant where it is an archive, and ``dialect`` is how text is written.
    """

    label: str
    opener: Callable[[Reading], OpenFile]
    path: str | None = None
    root: str | None = None
    folder: str = ""
    is_unreadable: bool = False
    members: Members = ALL
    dialect: Dialect = SNIFFED

    def open(self, settings: Reading = DEFAULT_READING) -> OpenFile:
        """Open it. Raises InputError."""
        return self.opener(settings._replace(members=self.members, dialect=self.dialect))

    def read(self, settings: Reading = DEFAULT_READING) -> Iterator[formats.Source]:
        """Open it and give its arrays. Raises InputError."""
        return formats.read_arrays(self.open(settings))

    def reading(self, members: Members, dialect: Dialect) -> Input:
        """The same input, of which these arrays are meant, written in this dialect."""
        return self._replace(members=members, dialect=dialect)

    @property
    def from_folder(self) -> bool:
        """Whether it was found in a folder rather than named."""
        return self.root is not None

    @property
    def file(self) -> str | None:
        """The file behind it: that of an array named as ``file.npz:name`` is ``file.npz``."""
        path = self.path
        if path is not None and formats.is_address(path):
            return formats.split_member(path)[0]
        while path is not None and ":" in path and not os.path.lexists(path):
            path = path.rpartition(":")[0]
        return path

    @property
    def is_stored(self) -> bool:
        """Whether there is a file or a store, whose header can be looked at before it is read."""
        file = self.file
        if file is None:
            return False
        return formats.is_address(file) or os.path.isfile(file) or formats.is_store(file)

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


def find_inputs(
    names: Sequence[str],
    matrices: Sequence[str] = (),
    lists: Sequence[str] = (),
    search: Search = Search(),  # noqa: B008 (it is immutable)
    typed: str = "matrix",
) -> list[Input]:
    """Turn what was named, typed or listed into sources; folders and globs become their files.

    ``typed`` is what people call a matrix that has no name.

    Raises UsageError where standard input is named twice, or a list cannot be read.
    """
    if [*names, *lists].count(STDIN) > 1:
        raise UsageError("- is named twice, but standard input can be read only once")
    inputs = [_typed(text, typed) for text in matrices]
    for name in names:
        inputs += _inputs_named(name, search)
    for name in [name for file in lists for name in read_list(file)]:
        if formats.is_address(name):
            inputs += _inputs_at(name, search, is_listed=True)
            continue
        is_folder = os.path.isdir(name)
        inputs += _inputs_in_folder(name, search) if is_folder else [_file_named(name)]
    return inputs


def _typed(text: str, label: str) -> Input:
    return Input(label, partial(formats.open_matrix, text, label=label))


def _inputs_named(name: str, search: Search) -> list[Input]:
    if name == STDIN:
        return [Input(STDIN, _open_stdin)]
    if formats.is_address(name):
        return _inputs_at(name, search)
    if os.path.isdir(name):
        return _inputs_in_folder(name, search)
    if not os.path.lexists(name):
        matches = [_found(match) for match in find_matches(name, search.leave_out)]
        if matches:
            return matches
    return [_file_named(name)]


def _inputs_at(address: str, search: Search, *, is_listed: bool = False) -> list[Input]:
    """What is far away: an object, or those of a folder or a pattern; no pattern in a list."""
    is_folder = address.endswith("/") and not formats.is_far_store(address)
    if not is_folder and (is_listed or not formats.is_pattern(address)):
        return [_file(address)]
    from poolcli.formats import remote  # late: few inputs are far away

    try:
        found = remote.listed(address, recursive=search.recursive)
    except InputError as error:
        return [_failing(address, f"{address}: {error}", code_of(error))]
    inputs = [
        _file(item.address)._replace(folder=item.folder, root=address if is_folder else None)
        for item in found
        if row_of(os.path.splitext(item.address)[1]) is not None
    ]
    what = "in this folder can be pooled" if is_folder else "that matches can be pooled"
    return inputs or [_failing(address, f"{address}: no file {what}", "not_found")]


def _file_named(name: str) -> Input:
    """What is named like a folder and is none has no name to give to an output."""
    if not name.endswith(os.sep):
        return _file(name)
    why = errno.ENOTDIR if os.path.lexists(name.rstrip(os.sep)) else errno.ENOENT
    return _failing(name, f"{name}: {os.strerror(why)}", "not_found")


def _found(found: Found) -> Input:
    """A file as a walk has found it, or the folder that it could not look into."""
    if found.problem is not None:
        return _failing(found.path, f"{found.path}: {found.problem}", "no_permission")
    return _file(found.path, found=True)._replace(folder=found.folder)


def _inputs_in_folder(root: str, search: Search) -> list[Input]:
    """The files of a folder; one that is a store is one input itself."""
    if formats.is_store(root):
        return [_file(root.rstrip(os.sep) or root)]
    inputs = []
    for found in walk(root, recursive=search.recursive, leave_out=search.leave_out):
        if found.problem is not None or _is_input(found.path):
            item = _found(found)
            inputs.append(item if item.is_unreadable else item._replace(root=root))
    if not inputs:
        where = "in or below this folder" if search.recursive else "in this folder"
        return [_failing(root, f"{root}: no file {where} can be pooled", "not_found")]
    return inputs


def _file(path: str, *, found: bool = False) -> Input:
    """A file that was named, or ``found`` in a folder: only a pipe that was named is waited for."""
    streams = not found and opening.is_stream(path)
    return Input(path, partial(formats.open_file, path, streams=streams), path)


def _failing(label: str, message: str, code: str) -> Input:
    def opener(_: Reading) -> OpenFile:
        raise InputError(message, code=code)

    return Input(label, opener, is_unreadable=True)


def _open_stdin(settings: Reading) -> OpenFile:
    if sys.stdin is None:
        raise InputError("-: standard input is closed")
    return formats.open_stream(sys.stdin.buffer, settings, own=False)


def _is_input(path: str) -> bool:
    """Tell whether a file in a folder is meant, by its name or by its first bytes.

    One that only its name says is an input is broken, and must not be passed over in silence. Text
    is anything from notes to programs: it counts by its name, and .txt only if numbers come first.
    """
    if os.path.isdir(path):
        return True  # a store
    extension = os.path.splitext(path)[1].lower()
    if row_of(extension) is not None and (extension != ".txt" or not os.path.exists(path)):
        return True
    try:
        with opening.open_input(path, streams=False)[0] as file:
            head = file.read(HEAD)
        row = format_of(head)
        if row.start is not None:
            row.start(head if len(head) == HEAD else head + b"\n")
            return extension == ".txt"
    except OSError:
        return row_of(extension) is not None
    except InputError:
        return False
    return True
