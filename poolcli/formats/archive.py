"""Files of several arrays, which have names: which of them are meant, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.base import Members, OpenFile, Source, SourceInfo
from poolcli.formats.guard import reading

# So many names are listed where one is not there.
_LISTED = 20


class Header(Protocol):
    """What a file says of an array before its values are read."""

    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...


class Member(NamedTuple):
    """One array of an archive by its header; ``problem`` says why it cannot be read.

    ``entry`` is where the archive has it. ``beside``: it has 0 or 1 axes beside larger arrays, as
    labels have, and goes on as it is.
    """

    name: str
    entry: Any
    header: Any
    problem: InputError | None = None
    beside: bool = False


class ArchiveFile(OpenFile):
    """An archive. Names of arrays are labels only, never paths, and two may be the same."""

    def entries(self) -> list[tuple[str, Any]]:
        """Open the archive and give the name and the place of every array, in stored order.

        Raises anything for what is no such archive.
        """
        raise NotImplementedError

    def header(self, entry: Any) -> Header:
        """Read and check what is said of one array. Raises anything where it cannot be read."""
        raise NotImplementedError

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give an array that is meant; ``info`` is what its header tells."""
        raise NotImplementedError

    def sources(self) -> Iterator[Source]:
        """Give its arrays; what is wrong with the headers of some is raised at the end."""
        label, row = self.opened.label, self.opened.format
        chosen = self._choose()
        for member in chosen:
            if member.header is None:
                continue
            info = SourceInfo(
                label=f"{label}:{member.name}",
                shape=member.header.shape,
                dtype=member.header.dtype,
                row=row,
                format=row.extensions[0],
                member=member.name,
                beside=member.beside,
            )
            yield self.source(member, info)
        failures = [member.problem for member in chosen if member.problem is not None]
        if failures:
            raise first_of(failures)

    def _choose(self) -> list[Member]:
        """Return the array that was named, or else those that are wanted."""
        label, name, wanted = self.opened.label, self.opened.member, self.opened.reading.members
        with reading(label if name is None else f"{label}:{name}"):
            found = pick(self.entries(), name, wanted)
        chosen: list[Member] = []
        names: set[str] = set()
        for member, entry in found:
            try:
                with reading(f"{label}:{member}"):
                    if member in names:
                        raise InputError("a second array has this name; only the first is read")
                    names.add(member)
                    chosen.append(Member(member, entry, self.header(entry)))
            except InputError as error:
                chosen.append(Member(member, entry, None, error))
        if name is not None or wanted.small:
            return chosen
        return _beside(chosen)


def _beside(chosen: Sequence[Member]) -> list[Member]:
    axes = [-1 if one.header is None else len(one.header.shape) for one in chosen]
    if max(axes) < 2:
        return list(chosen)
    return [one._replace(beside=0 <= count < 2) for one, count in zip(chosen, axes, strict=True)]


def pick(found: list[tuple[str, Any]], name: str | None, wanted: Members) -> list[tuple[str, Any]]:
    """Return the one entry called ``name``, or where that is None those that are ``wanted``.

    Raises InputError where there is none.
    """
    if name is not None:
        names = (name, name.removesuffix(".npy"))  # as a zip lists it
        picked = [entry for entry in found if entry[0] in names]
        if not picked:
            raise InputError(f"it has no array of this name; it has {_names(found)}")
        return picked
    if not wanted.patterns:
        return found
    from fnmatch import fnmatchcase  # late: few choose

    picked = [entry for entry in found if any(fnmatchcase(entry[0], p) for p in wanted.patterns)]
    if not picked:
        raise InputError(
            f"it has no array called {' or '.join(wanted.patterns)}; it has {_names(found)}"
        )
    return picked


def _names(found: Sequence[tuple[str, Any]]) -> str:
    names = list(dict.fromkeys(known for known, _ in found))
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more


def first_of(failures: Sequence[InputError]) -> InputError:
    """Return one error for all arrays of an archive that have failed."""
    more = f" (and {len(failures) - 1} more arrays of it failed)" if failures[1:] else ""
    error = InputError(f"{failures[0]}{more}")
    error.__cause__ = failures[0]
    return error
