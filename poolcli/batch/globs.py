"""Patterns that the shell left alone."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from poolcli.batch.walk import Found, walk

ANY_DEPTH = "**"


def find_matches(pattern: str, leave_out: str | None = None) -> Iterator[Found]:
    """Give the files that match, each with its folder below what stands before ``**``.

    Without ``**`` they have no folder. With it each folder is looked into once, as in a walk, and
    ``leave_out`` is not.
    """
    parts = pattern.split(os.sep)
    if ANY_DEPTH not in parts:
        yield from (
            Found(path, "") for path in sorted(glob.glob(pattern)) if not os.path.isdir(path)
        )
        return
    depth = parts.index(ANY_DEPTH)
    root, rest = os.sep.join([*parts[:depth], ""]), parts[depth:]
    for start in sorted(glob.glob(root)) if root else [os.curdir]:
        for found in walk(start, recursive=True, leave_out=leave_out):
            below = os.path.join(found.folder, os.path.basename(found.path))
            if found.problem is not None or _fits(below.split(os.sep), rest):
                yield found if root else found._replace(path=os.path.relpath(found.path))


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == ANY_DEPTH:
        return any(_fits(parts[start:], pattern[1:]) for start in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
