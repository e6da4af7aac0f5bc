"""Objects that are written and read whole, and the states of those in a folder, far away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from poolcli.formats.remote import asked, known_of, located, number_of

T = TypeVar("T")

AT_ONCE = 16
# So many objects of a folder are asked for one by one before that is listed.
SINGLY = 100


def put(address: str, data: bytes) -> None:
    """Write an object, which appears whole. Raises InputError, without the address."""
    there = located(address)
    asked(lambda: there.system.pipe_file(there.path, data))


def fetch(addresses: Sequence[str]) -> list[bytes | None]:
    """Read whole objects side by side; None for what is not there any more.

    Raises InputError, without the address.
    """

    def one(address: str) -> bytes | None:
        there = located(address)
        return asked(lambda: _unless_gone(lambda: bytes(there.system.cat_file(there.path))))

    return _side_by_side(one, addresses)


def remove(addresses: Sequence[str]) -> None:
    """Remove objects, as far as they are there. Raises InputError, without the address."""

    def one(address: str) -> None:
        there = located(address)
        asked(lambda: _unless_gone(lambda: there.system.rm_file(there.path)))

    _side_by_side(one, addresses)


def _side_by_side(act: Callable[[str], T], addresses: Sequence[str]) -> list[T]:
    # By their names: lists of them fsspec would look through for patterns.
    if len(addresses) < 2:
        return list(map(act, addresses))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(act, addresses))


def _unless_gone(act: Callable[[], T]) -> T | None:
    try:
        return act()
    except FileNotFoundError:
        return None


def states(folder: str) -> dict[str, tuple[int, int]]:
    """Give the states of the objects in a folder, as :func:`poolcli.formats.remote.state` does.

    Those in its folders are not among them. Raises InputError, without the address.
    """
    there = located(folder)

    scheme = folder.partition("://")[0]
    look = partial(there.system.ls, there.path, detail=True)
    found = {}
    for info in asked(lambda: _unless_gone(look)) or ():
        if info.get("type") == "file":
            size, tag, _ = known_of(info)
            found[f"{scheme}://{str(info['name']).lstrip('/')}"] = (size or 0, number_of(tag))
    return found


class States:
    """What is known of objects at one time; where many of a folder are asked for it is listed."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()
        self._listed: dict[str, dict[str, tuple[int, int]]] = {}

    def listed(self, address: str) -> dict[str, tuple[int, int]] | None:
        """The states of all in the folder of an object, once it was asked for often enough.

        Raises InputError, without the address.
        """
        folder = address.rpartition("/")[0]
        if folder not in self._listed:
            self._asked[folder] += 1
            if self._asked[folder] <= SINGLY:
                return None
            self._listed[folder] = states(folder)
        return self._listed[folder]
