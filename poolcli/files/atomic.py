"""Writing beside the target and renaming: a target is either as it was or complete.

The data are flushed to the system before the rename but not forced to the disk (no fsync): that
holds against every failure of the program, a full disk or a kill, at the speed of the page cache.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from poolcli.errors import OutputError
from poolcli.files.ending import held_off, unfinished
from poolcli.files.leftovers import create_temporary

Ready = Callable[[os.stat_result], None]
"""Told of a complete file just before it gets its name; raising keeps it from getting it."""

_OWN_DESCRIPTORS = ("/dev/fd", "/proc/self/fd")
_STANDARD = {"/dev/stdin": "0", "/dev/stdout": "1", "/dev/stderr": "2"}
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def atomic_target(
    path: str, overwrite: bool = False, ready: Ready | None = None
) -> Iterator[BinaryIO]:
    """Give a file to write; when the block ends well it becomes ``path``, otherwise it vanishes.

    Without ``overwrite`` an existing target is refused, also one that appears meanwhile. A symbolic
    link stays, and what it points at is written. Pipes and devices (/dev/stdout, /dev/null) are
    written straight. Raises ``OutputError`` without the path for targets that cannot be.
    """
    special = _open_special(path)
    if special is not None:
        with special:
            yield special
        return
    target = os.path.realpath(path)
    old_mode = _check_target(target, overwrite)
    with held_off():
        descriptor, temporary = create_temporary(os.path.dirname(target))
        unfinished.add(temporary)
    # As long as this is open other runs see by the lock that the temporary file has an owner.
    owner = os.dup(descriptor) if os.name == "posix" else None
    try:
        with _closing(os.fdopen(descriptor, "wb")) as file:
            if old_mode is not None:
                with suppress(OSError):  # a file system without modes
                    os.chmod(temporary, old_mode)
            yield file
            file.flush()
            if ready is not None:
                ready(os.fstat(file.fileno()))
        with held_off():
            if overwrite:
                os.replace(temporary, target)
            else:
                _rename_to_new(temporary, target)
    except FileExistsError as error:
        raise OutputError(_EXISTS) from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)
        unfinished.discard(temporary)
        if owner is not None:
            os.close(owner)


def make_folders(path: str) -> None:
    """Make a folder and all that it lies in: any number, unlike os.makedirs, which calls itself.

    Raises OSError.
    """
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        try:
            os.mkdir(folder)
        except FileExistsError:
            if not os.path.isdir(folder):
                raise


@contextmanager
def _closing(file: BinaryIO) -> Iterator[BinaryIO]:
    """Close the file; after a failure, such as a full disk, without trying in vain to flush it."""
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            file.close()
        raise
    file.close()


_EXISTS = "it exists; say --overwrite to replace it"


def _open_special(path: str) -> BinaryIO | None:
    """Open a target that is no file: it is written straight and never replaced."""
    folder, _, name = path.rpartition("/")
    is_own = folder in _OWN_DESCRIPTORS and name.isdecimal() and len(name) < 10
    number = name if is_own else _STANDARD.get(path)
    if number is not None:
        # A second opening of /dev/stdout would start at the beginning of a file behind it.
        return os.fdopen(os.dup(int(number)), "wb")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return None
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        return open(path, "wb")
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    raise OutputError("it is a socket or a disk; name a file")


def _check_target(target: str, overwrite: bool) -> int | None:
    """Refuse what cannot be a target; return the permissions of the file to be replaced."""
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise OutputError(f"there is no folder {folder}; make it first")
    try:
        mode = os.lstat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise OutputError("it is a folder; name a file in it")
    if not overwrite:
        raise OutputError(_EXISTS)
    return stat.S_IMODE(mode)


def _rename_to_new(temporary: str, target: str) -> None:
    """Give the file its name, or raise ``FileExistsError`` when somebody took it meanwhile."""
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # Without hard links: take the name with an empty file of our own, then replace that.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        os.replace(temporary, target)
