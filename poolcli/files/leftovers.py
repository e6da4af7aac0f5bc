"""Temporary files: names of our own, a lock that lives as long as their writer, and the sweep.

A process number in the name would not do: numbers are used again, and two containers that share a
folder do not see each other's processes. A lock ends with the process that holds it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows: nothing is locked, so nothing is ever swept
    fcntl = None  # type: ignore[assignment]  # where there is the module, it is no None

_OURS = r"\.poolcli-[0-9a-f]{12}\.tmp"


def create_temporary(folder: str) -> tuple[int, str]:
    """Make an empty file with a short name of its own; return its descriptor, locked, and path.

    The lock holds as long as the descriptor, or a duplicate of it, is open.
    """
    while True:
        # Short and of its own: target names may already be as long as the system allows.
        path = os.path.join(folder, f".poolcli-{os.urandom(6).hex()}.tmp")
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags, 0o666)  # 0666 less the user's umask
        # Another run's sweep may have found it before it was locked; then it is gone already.
        if _lock(descriptor, wait=True) is not True or os.fstat(descriptor).st_nlink:
            return descriptor, path
        os.close(descriptor)


def sweep(folder: str) -> int:
    """Remove temporary files whose writers have died; return how many there were."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            found = [entry.path for entry in entries if _is_ours(entry.name)]
    except OSError:
        return 0
    return sum(map(_remove_if_dead, found))


def _is_ours(name: str) -> bool:
    # Hardly any name gets as far as the pattern, which then need not be compiled.
    return name.startswith(".poolcli-") and re.fullmatch(_OURS, name) is not None


@contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Keep other processes from locking the file meanwhile, where files can be locked."""
    has = _lock(descriptor, wait=True)
    try:
        yield
    finally:
        if has:
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def _remove_if_dead(path: str) -> bool:
    # Not blocking and not through links: the name alone does not make it a file of ours.
    flags = os.O_RDWR | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _lock(descriptor, wait=False):
                os.unlink(path)
                return True
        finally:
            os.close(descriptor)
    return False


def _lock(descriptor: int, *, wait: bool) -> bool | None:
    """Lock a file; False where another has it, None where files cannot be locked."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True
