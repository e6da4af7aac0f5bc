"""Where stores of Zarr lie: in folders here, or far away under an address."""

from __future__ import annotations

import os
from collections.abc import Hashable
from types import ModuleType
from typing import Any, Protocol

from poolcli.formats.addresses import is_address
from poolcli.formats.table import ZARR_NODES, is_zarr


class Tree(Protocol):
    """Folders by their paths, and the files in them by name."""

    def has(self, folder: str, name: str) -> bool:
        """Whether there is such a file."""

    def read(self, folder: str, name: str, most: int) -> bytes:
        """The first bytes of a file, ``most`` of them. Raises OSError or InputError."""

    def below(self, folder: str) -> list[str]:
        """The names of the nodes in a folder, in order."""

    def identity(self, folder: str) -> Hashable:
        """What is the same for all paths of one folder."""

    def store(self, folder: str, zarr: ModuleType) -> Any:
        """The folder as the library wants it."""

    def lists(self, folder: str) -> bool:
        """Whether it can be said which chunks there are."""


class Here:
    """Folders of this machine."""

    def has(self, folder: str, name: str) -> bool:
        """Whether there is such a file."""
        return os.path.isfile(os.path.join(folder, name))

    def read(self, folder: str, name: str, most: int) -> bytes:
        """The first bytes of a file."""
        with open(os.path.join(folder, name), "rb") as file:
            return file.read(most)

    def below(self, folder: str) -> list[str]:
        """The names of the nodes in a folder."""
        with os.scandir(folder) as inside:
            return sorted(one.name for one in inside if one.is_dir() and is_zarr(one.path))

    def identity(self, folder: str) -> Hashable:
        """What is the same for all paths of one folder."""
        status = os.stat(folder)
        return status.st_dev, status.st_ino

    def store(self, folder: str, zarr: ModuleType) -> Any:
        """The folder as the library wants it."""
        return zarr.storage.LocalStore(folder, read_only=True)

    def lists(self, _folder: str) -> bool:
        """It can."""
        return True


class There:
    """Addresses, whose parts are asked for; they go in no circles."""

    def has(self, folder: str, name: str) -> bool:
        """Whether there is such an object."""
        from poolcli.formats import remote

        return remote.exists(f"{folder}/{name}")

    def read(self, folder: str, name: str, most: int) -> bytes:
        """The first bytes of an object."""
        from poolcli.formats import remote

        with remote.open_input(f"{folder}/{name}") as file:
            return file.read(most)

    def below(self, folder: str) -> list[str]:
        """The names of the nodes in a folder."""
        from poolcli.formats import remote

        found = remote.folders(folder)
        return [
            name for name in found if any(self.has(f"{folder}/{name}", node) for node in ZARR_NODES)
        ]

    def identity(self, folder: str) -> Hashable:
        """Its address."""
        return folder

    def store(self, folder: str, zarr: ModuleType) -> Any:
        """The address as the library wants it."""
        from poolcli.formats import remote

        system, path = remote.for_zarr(folder)
        return zarr.storage.FsspecStore(system, read_only=True, path=path)

    def lists(self, folder: str) -> bool:
        """Stores do, the web does not."""
        from poolcli.formats.addresses import scheme_of

        return scheme_of(folder).lists


def tree_of(path: str) -> Tree:
    """Give the tree that a path or an address is in."""
    return There() if is_address(path) else Here()
