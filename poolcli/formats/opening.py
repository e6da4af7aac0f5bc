"""Paths that are opened for reading: files, pipes and devices, and what is none of these."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from io import BufferedReader, FileIO

from poolcli.errors import InputError


def is_stream(path: str) -> bool:
    """Tell whether a path is a named pipe or a character device, without opening it."""
    try:
        return _is_stream(os.stat(path).st_mode)
    except OSError:
        return False


def open_input(path: str, *, streams: bool = True) -> tuple[BufferedReader, bool]:
    """Open a path for reading; return the file and whether it must be read as a stream.

    Regular files are opened as such. Named pipes and character devices, such as /dev/stdin and
    what a shell's <(command) gives, are streams. Folders, sockets and disks are refused, and
    without ``streams`` those, too: opening a pipe may wait for ever.
    """
    mode = _mode(path)
    if _is_stream(mode):
        if not streams:
            raise InputError("it is a pipe or a device by now, and was a file when it was found")
        return BufferedReader(_InputFile(path)), True
    if not stat.S_ISREG(mode):
        raise InputError(f"it is {_what_it_is(mode)}")
    # Not blocking: were the name given to a pipe meanwhile, a plain open would wait for a writer.
    raw: FileIO = _InputFile(path, opener=_open_without_waiting)
    file: BufferedReader = BufferedReader(raw)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("it changed while being opened")
    return file, False


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.islink(path):
            raise InputError(f"it is a link to {os.readlink(path)}, which is not there") from None
        raise


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


class _InputFile(FileIO):
    """A file that is only read: nothing is lost where closing it fails."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()

    def __del__(self) -> None:
        # Sources keep it open as long as somebody may read them; then nobody has to say so.
        self.close()

    def _dealloc_warn(self, _: object) -> None:
        """As above."""


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _what_it_is(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder; name the files in it"
    if stat.S_ISSOCK(mode):
        return "a socket; name a file or a pipe"
    return "a device; name a file or a pipe"
