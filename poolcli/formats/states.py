"""The states of files, stores and objects: what is there, and whether it has changed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from poolcli.formats.addresses import is_address, is_far_store
from poolcli.formats.guard import reading

if TYPE_CHECKING:
    from poolcli.formats.remote_objects import States

_FAR = (-1, -1)  # no device and no number there that a file here could have


class Status(NamedTuple):
    """What tells one state of a file from another, and one file; of a folder, all that is in it."""

    st_size: int
    st_mtime_ns: int
    st_dev: int
    st_ino: int

    @classmethod
    def of(cls, info: os.stat_result) -> Status:
        """That of a file."""
        return cls(info.st_size, info.st_mtime_ns, info.st_dev, info.st_ino)

    @classmethod
    def far(cls, size: int, tag: int) -> Status:
        """That of an object, whose ``tag`` is a number made of its ETag."""
        return cls(size, tag, *_FAR)

    @classmethod
    def unknown(cls, size: int) -> Status:
        """That of an object that is not there yet: no object has it."""
        return cls.far(size, 0)

    def is_of(self, path: str, other: Status, other_path: str) -> bool:
        """Whether it is the state of the same file or object as another one."""
        if is_address(path) or is_address(other_path):
            return path == other_path
        return self[2:] == other[2:]


def status(path: str, *, inside: bool = True) -> Status:
    """The state of a file, or of a folder and what is ``inside``. Raises OSError for none.

    That of an object far away is its size and a number made of its ETag; raises InputError, one
    line that starts with the address.
    """
    if is_address(path):
        from poolcli.formats import remote

        with reading(path):
            if not is_far_store(path):
                return Status.far(*remote.state(path))
            return Status.far(*(remote.state_of_folder(path) if inside else (0, 0)))
    whole = Status.of(os.stat(path))
    if not inside or not os.path.isdir(path):
        return whole
    size, latest = 0, 0
    for folder, _, names in os.walk(path):
        for name in names:
            info = os.stat(os.path.join(folder, name), follow_symlinks=False)
            size, latest = size + info.st_size, max(latest, info.st_mtime_ns)
    return whole._replace(st_size=size, st_mtime_ns=latest)


def is_there(path: str) -> bool:
    """Whether a file or a store is there, or an object far away.

    Raises InputError, one line that starts with the address.
    """
    if not is_address(path):
        return os.path.isfile(path)
    from poolcli.formats import remote

    with reading(path):
        return remote.exists(path)


class Statuses:
    """The states of files and objects at one time.

    Where many objects of one folder are asked for, that is listed, as each answer takes its time.
    """

    def __init__(self) -> None:
        self._far: States | None = None

    def status(self, path: str) -> Status:
        """The state of a file, as :func:`status`."""
        listed = self._listed(path)
        if listed is None:
            return status(path)
        if path not in listed:
            raise FileNotFoundError(path)
        return Status.far(*listed[path])

    def is_there(self, path: str) -> bool:
        """Whether a file is there, as :func:`is_there`."""
        listed = self._listed(path)
        return is_there(path) if listed is None else path in listed

    def _listed(self, path: str) -> dict[str, tuple[int, int]] | None:
        if not is_address(path) or is_far_store(path):
            return None
        from poolcli.formats import remote_objects

        self._far = self._far or remote_objects.States()
        with reading(path):
            return self._far.listed(path)
