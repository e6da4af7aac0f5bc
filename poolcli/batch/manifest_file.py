"""The files of a manifest: one for each writer, so that none waits for another or writes over it.

They lie in ``.poolcli`` in the output folder. Each is written by one process, from its making on,
and only ever gets longer. So nothing hangs on appending or on locks, which file systems that
several machines share keep badly; the lock that a writer holds on its own file is only a hint.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from poolcli import formats
from poolcli.errors import OutputError

FOLDER = ".poolcli"
# What runs of poolcli that kept a single file for all have left.
SINGLE = ".poolcli.jsonl"
END = ".jsonl"
# So many times a file that has vanished is made again before that is an error.
ATTEMPTS = 100


def find_files(folder: str) -> Iterator[str]:
    """Give the files of the manifest of an output folder; they may vanish when others merge them.

    Raises OSError, or OutputError where something else is in their place.
    """
    if os.path.lexists(os.path.join(folder, SINGLE)):
        yield os.path.join(folder, SINGLE)
    inside = os.path.join(folder, FOLDER)
    try:
        _check_folder(inside)
        names = os.listdir(inside)
    except FileNotFoundError:
        return
    yield from (os.path.join(inside, name) for name in sorted(names) if name.endswith(END))


def open_to_read(path: str) -> int:
    """Open one of the files, and nothing else that may have been put in its place.

    A link is not followed, and a named pipe is not waited for. Raises OSError, or OutputError
    where it is no regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        if os.path.lexists(path) and not stat.S_ISREG(os.lstat(path).st_mode):
            raise _no_file(path) from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise _no_file(path)


def _no_file(path: str) -> OutputError:
    return OutputError(f"{path}: is no regular file; remove it")


def _check_folder(path: str) -> None:
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise OutputError(f"{path}: is no folder; remove it")


class ManifestFiles:
    """The files of the manifest of one output folder of this machine."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def read_on(self, read: Mapping[str, int]) -> Iterator[tuple[str, bytes | None]]:
        """Give what each says beyond what was ``read``; None for those that have vanished.

        Raises OSError, or OutputError where something else is in their place.
        """
        for path in find_files(self._folder):
            try:
                with os.fdopen(open_to_read(path), "rb") as file:
                    file.seek(read.get(path, 0))
                    data = file.read()
            except FileNotFoundError:
                yield path, None
            else:
                yield path, data

    def begin(self, writer: str, first: bytes) -> ManifestFile:
        """Make the folder, and the file of one run. Raises OSError or OutputError."""
        formats.make_folders(self._folder)
        return ManifestFile(self._folder, writer, first)

    def is_over(self, path: str) -> bool:
        """Whether nobody writes to a file any more."""
        return formats.is_dead(path)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove files to which nobody writes any more."""
        for path in paths:
            formats.remove_if_dead(path)


class ManifestFile:
    """The file of one writer; any of its threads may append.

    ``first`` is what it begins with. One that has vanished, as somebody has removed it or taken its
    writer for dead, is made again.
    """

    def __init__(self, folder: str, writer: str, first: bytes) -> None:
        self._folder, self._writer, self._first = os.path.join(folder, FOLDER), writer, first
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._path = ""
        self._appended = False
        self._is_over = False
        self._make()

    @property
    def path(self) -> str:
        """Where it is."""
        return self._path

    def append(self, data: bytes) -> None:
        """Put a line, or several, at its end. Raises OSError, or OutputError after its close."""
        with self._lock:
            if self._is_over:
                raise OutputError(f"{self._path}: the run that kept it is over")
            for _ in range(ATTEMPTS):
                if self._has_name():
                    break
                self._make()
            else:
                raise OutputError(f"{self._folder}: something else removes it again and again")
            assert self._descriptor is not None
            self._write(self._descriptor, data)
            self._appended = True

    def sync(self) -> None:
        """Bring it to the disk."""
        with self._lock:
            if self._descriptor is not None:
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Close it, and remove it where it says nothing."""
        with self._lock:  # a job that was left behind may be at work
            self._is_over = True
            if not self._appended and self._has_name():
                with suppress(OSError):
                    os.unlink(self._path)
            self._let_go()

    def _make(self) -> None:
        with suppress(FileExistsError):
            formats.make_folders(self._folder)
        _check_folder(self._folder)
        descriptor = None
        while descriptor is None:
            path = os.path.join(self._folder, f"{self._writer}-{formats.own_name()}{END}")
            descriptor = formats.create_owned(path)
        # The new one is open before the old one is let go. So there is no moment at which the
        # number of a closed descriptor is kept: the system gives it to the next file that is
        # opened, such as an output, and lines would be written into that.
        self._let_go()
        self._descriptor, self._path = descriptor, path
        try:
            self._write(descriptor, self._first)
        except OSError as error:
            os.unlink(path)  # its next line would make another
            raise OSError(error.errno, error.strerror, self._folder) from error

    def _write(self, descriptor: int, data: bytes) -> None:
        # In one piece: a part, as on a full disk, is as good as nothing.
        if os.write(descriptor, data) != len(data):
            os.write(descriptor, data)  # raises what is the matter

    def _has_name(self) -> bool:
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), os.lstat(self._path))
        except OSError:
            return False

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # it is closed all the same; what was written told its errors
                os.close(descriptor)
