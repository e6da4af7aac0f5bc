"""The files in a folder: regular ones only, and each folder once, so that links in a loop end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

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
            if kind == "file":
                yield Found(entry.path, relative)
            elif kind == "folder" and recursive:
                inside = (entry.path, os.path.join(relative, entry.name))
                (links if entry.is_symlink() else below).append(inside)
        folders += reversed(below)


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
    except FileNotFoundError:
        return None
    return None if info is None else (info.st_dev, info.st_ino)
