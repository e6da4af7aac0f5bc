"""Which inputs: what was named or typed, with folders and leftover globs as their files."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from poolcli import files
from poolcli.batch.formats import WRITABLE
from poolcli.errors import InputError, UsageError
from poolcli.files import Loaded, sniff
from poolcli.files.text import check_start

STDIN = "-"


class Source(NamedTuple):
    """Something to pool.

    ``path`` is None for what is no file: standard input, a typed matrix. ``fails`` says that
    reading it only raises the error to report, as for a folder with nothing in it.
    """

    label: str
    read: Callable[[], Iterator[Loaded]]
    path: str | None = None
    from_folder: bool = False
    fails: bool = False


def find_sources(inputs: Sequence[str], matrices: Sequence[str] = ()) -> list[Source]:
    """Turn what was named or typed into sources; folders and leftover globs become their files.

    Raises UsageError where standard input is named twice.
    """
    if list(inputs).count(STDIN) > 1:
        raise UsageError("- is named twice, but standard input can be read only once")
    sources = [_typed(text) for text in matrices]
    for name in inputs:
        sources += _sources_named(name)
    return sources


def _typed(text: str) -> Source:
    return Source("--matrix", lambda: iter([files.parse_matrix(text)]))


def _sources_named(name: str) -> list[Source]:
    if name == STDIN:
        return [Source(STDIN, _read_stdin)]
    if os.path.isdir(name):
        return _sources_in_folder(name)
    if glob.has_magic(name) and not os.path.lexists(name):
        found = [path for path in sorted(glob.glob(name)) if not os.path.isdir(path)]
        if found:
            return [_file(path) for path in found]
    return [_file(name)]


def _sources_in_folder(folder: str) -> list[Source]:
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        return [_failing(folder, f"{folder}: {error.strerror or error}")]
    paths = [os.path.join(folder, name) for name in names if not name.startswith(".")]
    # Only regular files: opening a named pipe would wait for somebody to write into it.
    found = [path for path in paths if os.path.isfile(path) and _is_input(path)]
    if not found:
        return [_failing(folder, f"{folder}: no file in this folder can be pooled")]
    return [_file(path, from_folder=True) for path in found]


def _file(path: str, from_folder: bool = False) -> Source:
    return Source(path, lambda: files.read_file(path), path, from_folder)


def _failing(label: str, message: str) -> Source:
    def read() -> Iterator[Loaded]:
        raise InputError(message)

    return Source(label, read, fails=True)


def _read_stdin() -> Iterator[Loaded]:
    if sys.stdin is None:
        raise InputError("-: standard input is closed")
    return files.read_stdin(sys.stdin.buffer)


def _is_input(path: str) -> bool:
    """Tell whether a file in a folder is meant, by its name or by its first bytes.

    One that only its name says is an input is broken, and must not be passed over in silence. Text
    is anything from notes to programs: it counts by its name, and .txt only if numbers come first.
    """
    extension = os.path.splitext(path)[1].lower()
    if extension in WRITABLE and extension != ".txt":
        return True
    try:
        with open(path, "rb") as file:
            head = file.read(sniff.HEAD)
        kind = sniff.kind_of(head)
        if kind == "text":
            check_start(head if len(head) == sniff.HEAD else head + b"\n")
            return extension == ".txt"
    except (OSError, InputError):
        return False
    return True
