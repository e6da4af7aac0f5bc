"""Writing beside the target and renaming: a target is either as it was or complete."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import BinaryIO

from poolcli.errors import InputError, OutputError
from poolcli.formats.addresses import is_address
from poolcli.formats.states import Status, status

# A file system that does not answer must not keep the process.
PATIENCE = 1.0

unfinished: set[str] = set()
"""The temporary files and folders that there are."""

_changed = threading.Condition()
_inside = 0
_is_over = False


@contextmanager
def held_off() -> Iterator[None]:
    """Let the end wait while a file is begun or gets its name; after the end, wait for ever."""
    global _inside
    with _changed:
        _changed.wait_for(lambda: not _is_over)
        _inside += 1
    try:
        yield
    finally:
        with _changed:
            _inside -= 1
            _changed.notify_all()


def abandon() -> None:
    """Remove what is unfinished, just before the process ends without its other threads."""
    global _is_over
    with _changed:
        _is_over = True
        _changed.wait_for(lambda: not _inside, PATIENCE)
        for path in unfinished:
            _remove(path)


def _remove(path: str) -> None:
    """Remove a temporary file or folder, if it is still there."""
    with suppress(OSError):
        if os.path.isdir(path) and not os.path.islink(path):
            import shutil  # late: few outputs are folders

            shutil.rmtree(path)
        else:
            os.unlink(path)


try:
    import fcntl
except ImportError:  # Windows: nothing is locked, so nothing is ever swept
    fcntl = None  # type: ignore[assignment]  # where there is the module, it is no None

# Seconds without a change after which what another machine has left is nobody's any more.
ABANDONED = 24 * 3600.0
_OURS = r"\.poolcli-[0-9a-f]{16}\.tmp"


def own_name() -> str:
    """Give a short name that nobody else has; it tells what this machine has made.

    Whether a file that another machine has made is still at work its lock need not tell: locks of
    network file systems may reach no further than one machine.
    """
    return f"{_machine()}{os.urandom(4).hex()}"


@cache
def _machine() -> str:
    import zlib  # late: what is only shown needs no name

    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(name.encode()):08x}"


def create_temporary(folder: str) -> tuple[int, str]:
    """Make an empty file with a short name of its own; return its descriptor, locked, and path.

    The lock holds as long as the descriptor, or a duplicate of it, is open.
    """
    while True:
        # Short and of its own: target names may already be as long as the system allows.
        path = os.path.join(folder, f".poolcli-{own_name()}.tmp")
        descriptor = create_owned(path)
        if descriptor is not None:
            return descriptor, path


def create_owned(path: str) -> int | None:
    """Make a new file and lock it; None where a sweep has come in between, and it is gone.

    Raises OSError.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)  # 0666 less the user's umask
    # Another run's sweep may have found it before it was locked.
    if _lock(descriptor) is False or not os.fstat(descriptor).st_nlink:
        os.close(descriptor)
        return None
    return descriptor


def create_temporary_folder(folder: str) -> tuple[int, str]:
    """Make an empty folder as :func:`create_temporary` makes a file."""
    while True:
        path = os.path.join(folder, f".poolcli-{own_name()}.tmp")
        os.mkdir(path)
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # swept before it was locked
            continue
        if _lock(descriptor) is not False and os.path.isdir(path):
            return descriptor, path
        os.close(descriptor)


def sweep(folder: str) -> int:
    """Remove temporary files and folders whose writers have died; return how many there were."""
    try:
        with os.scandir(folder or os.curdir) as entries:
            found = [entry.path for entry in entries if _is_ours(entry.name)]
    except OSError:
        return 0
    return sum(map(remove_if_dead, found))


def _is_ours(name: str) -> bool:
    # Hardly any name gets as far as the pattern, which then need not be compiled.
    return name.startswith(".poolcli-") and re.fullmatch(_OURS, name) is not None


def is_dead(path: str) -> bool:
    """Tell whether nobody writes to a file that was made under an :func:`own_name` any more."""
    return _with_dead(path, lambda: None)


def remove_if_dead(path: str) -> bool:
    """Remove a file or folder if nobody writes to it any more; whether it was removed."""
    return _with_dead(path, lambda: _remove(path)) and not os.path.lexists(path)


def _with_dead(path: str, act: Callable[[], None]) -> bool:
    # Not blocking and not through links: the name alone does not make it a file of ours.
    flags = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
    flags |= os.O_RDONLY if os.path.isdir(path) else os.O_RDWR
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            mode = os.fstat(descriptor).st_mode
            ours = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
            is_free = _lock(descriptor)
            tells = is_free is not None and _machine() in os.path.basename(path)
            if ours and is_free is not False and (tells or _is_abandoned(path)):
                act()
                return True
        finally:
            os.close(descriptor)
    return False


def _is_abandoned(path: str) -> bool:
    """Whether nothing has changed there for long."""
    folders = [folder for folder, _, _ in os.walk(path)]  # a new file changes the one that it is in
    return time.time() - max(os.stat(p).st_mtime for p in [path, *folders]) > ABANDONED


def _lock(descriptor: int) -> bool | None:
    """Lock a file without waiting; False: another has it, None: files cannot be locked here."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


Named = Callable[[Status], None]
Ready = Callable[[Status], Named | None]
"""Told of a complete file just before it gets its name; raising keeps it from getting it.

Far away its state shows only when it has it: what is given back is told of that.
"""

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
    if is_address(path):
        from poolcli.formats import remote  # late: few outputs are far away

        named: Named | None = None

        def complete(size: int) -> None:
            nonlocal named
            named = None if ready is None else ready(Status.unknown(size))

        with remote.target(path, overwrite, complete) as file:
            yield file
        if named is not None:
            try:
                named(Status.far(*remote.state(path)))
            except InputError as error:
                raise OutputError(str(error)) from error
        return
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
        # By its path, so that it has a name, and is open already.
        with _closing(open(temporary, "w+b", opener=lambda *_: descriptor)) as file:
            if old_mode is not None:
                with suppress(OSError):  # a file system without modes
                    os.chmod(temporary, old_mode)
            yield file
            file.flush()
            if ready is not None:
                ready(Status.of(os.fstat(file.fileno())))
        with held_off():
            if overwrite:
                os.replace(temporary, target)
            else:
                _rename_to_new(temporary, target)
    except FileExistsError as error:
        raise OutputError(_EXISTS, code="exists") from error
    finally:
        with suppress(OSError):
            os.unlink(temporary)
        unfinished.discard(temporary)
        if owner is not None:
            os.close(owner)


@contextmanager
def atomic_folder(
    path: str, replaces: Callable[[str], bool], overwrite: bool = False, ready: Ready | None = None
) -> Iterator[str]:
    """Give the path of an empty folder to fill; otherwise as :func:`atomic_target`, but only here.

    With ``overwrite`` it takes the place of a folder that ``replaces`` knows, or of a file.
    """
    if is_address(path):
        raise OutputError("a folder is written here and not far away; name one here, and copy it")
    target = os.path.realpath(path)
    old = _check_folder_target(target, replaces, overwrite)
    with held_off():
        descriptor, temporary = create_temporary_folder(os.path.dirname(target))
        unfinished.add(temporary)
    try:
        yield temporary
        if ready is not None:
            ready(status(temporary))
        with held_off():
            if old:
                _exchange(temporary, target)
            elif os.path.lexists(target):
                raise OutputError(_EXISTS, code="exists")
            else:
                os.rename(temporary, target)
    finally:
        _remove(temporary)
        unfinished.discard(temporary)
        os.close(descriptor)


def _check_folder_target(target: str, replaces: Callable[[str], bool], overwrite: bool) -> bool:
    """Refuse what cannot be a target; whether there is something to be replaced."""
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise OutputError(f"there is no folder {folder}; make it first")
    if not os.path.lexists(target):
        return False
    if not overwrite:
        raise OutputError(_EXISTS, code="exists")
    if os.path.isdir(target) and not replaces(target):
        raise OutputError("it is a folder of something else; name another, or remove it first")
    if not os.path.isdir(target) and not os.path.isfile(target):
        raise OutputError("it is no file, and the result is a folder; name another")
    return True


_HERE, _EXCHANGE = -100, 2  # of Linux: paths are as usual; both are there and change places


def _exchange(temporary: str, target: str) -> None:
    """Let two change places: at once where the system can, else nothing is lost in between."""
    with suppress(AttributeError, OSError):
        import ctypes

        rename = ctypes.CDLL(None).renameat2
        names = os.fsencode(temporary), os.fsencode(target)
        if rename(_HERE, names[0], _HERE, names[1], _EXCHANGE) == 0:
            return
    # By this name no run sweeps it.
    kept = f"{temporary.removesuffix('.tmp')}.old"
    os.rename(target, kept)
    os.rename(temporary, target)
    _remove(kept)


def make_folders(path: str) -> None:
    """Make a folder and all that it lies in: any number, unlike os.makedirs, which calls itself.

    Raises OSError.
    """
    missing = []
    if is_address(path):
        return  # names there may have any slashes
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


_EXISTS = "it exists; say `overwrite` to replace it"


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
        raise OutputError(_EXISTS, code="exists")
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
