"""Files of several arrays, which have names: which of them are meant, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.base import OpenFile, Source, SourceInfo
from poolcli.formats.guard import one_line, reading
from poolcli.formats.settings import Members

# So many names are listed where one is not there.
_LISTED = 20

_HELD = {
    **dict.fromkeys("OT", "texts, references or lists of varying length"),
    **dict.fromkeys("SU", "texts"),
    "M": "dates",
    "m": "time spans",
    "c": "complex numbers",
    "V": "records or raw bytes",
}


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

    def is_array(self, entry: Any) -> bool:
        """Whether there is an array, which is meant where all are; else only by its own name."""
        return True

    def is_scale(self, name: str, entry: Any) -> bool:
        """Whether an array only says where the cells of others lie, and is meant by its name."""
        return False

    def unnamed(self, found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Give those of the arrays that are meant where none is named: all.

        Raises InputError where people have to say.
        """
        return found

    def header(self, entry: Any) -> Header:
        """Read and check what is said of one array. Raises anything where it cannot be read."""
        raise NotImplementedError

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give an array that is meant; ``info`` is what its header tells."""
        raise NotImplementedError

    def sources(self) -> Iterator[Source]:
        """Give its arrays; what is wrong with the headers of some is raised at the end."""
        chosen = self._choose()
        yield from (self.known(member) for member in chosen if member.header is not None)
        failures = [member.problem for member in chosen if member.problem is not None]
        if failures:
            raise first_of(failures)

    def known(self, member: Member) -> Source:
        """Give an array whose header was read."""
        row, header = self.opened.format, member.header
        info = SourceInfo(
            label=_label(self.opened.label, member.name),
            shape=header.shape,
            dtype=header.dtype,
            row=row,
            format=row.extensions[0],
            member=member.name or None,
            beside=member.beside,
        )
        return self.source(member, info)

    def scale(self, name: str, entry: Any) -> Source | None:
        """Give an array that says where the cells of others lie; None where it cannot be read."""
        try:
            found = self.known(Member(name, entry, self.header(entry)))
        except Exception:
            return None
        return found if len(found.shape) == 1 else None

    def _choose(self) -> list[Member]:
        """Return the array that was named, or else those that are wanted."""
        label, name, wanted = self.opened.label, self.opened.member, self.opened.reading.members
        with reading(label if name is None else f"{label}:{name}"):
            found = self._meant(self.entries(), name, wanted)
        chosen: list[Member] = []
        names: set[str] = set()
        for member, entry in found:
            try:
                with reading(_label(label, member)):
                    if member in names:
                        raise InputError("a second array has this name; only the first is read")
                    names.add(member)
                    chosen.append(Member(member, entry, self.header(entry)))
            except InputError as error:
                chosen.append(Member(member, entry, None, error))
        if [member.name for member in chosen] == [name] or wanted.small:
            return chosen
        return _beside(chosen)

    def _meant(
        self, found: list[tuple[str, Any]], name: str | None, wanted: Members
    ) -> list[tuple[str, Any]]:
        """Return the one entry called ``name``, those of a group of this name, or the ``wanted``.

        Raises InputError where there is none.
        """
        if name is None and wanted.every:
            return [one for one in found if self.is_array(one[1])]
        if name is None and wanted.patterns:
            return self._matching(found, wanted.patterns)
        if name is None:
            return self.unnamed(self._own(found))
        names = (name.strip("/"), name.strip("/").removesuffix(".npy"))  # as a zip lists it
        picked = [entry for entry in found if entry[0] in (name, *names)]
        if picked:
            return picked
        picked = [entry for entry in found if entry[0].startswith(f"{names[0]}/")]
        if not picked:
            raise InputError(
                f"it has no array of this name; it has {_names(found)}", code="not_found"
            )
        return self.unnamed(self._own(picked))

    def _own(self, found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Leave out scales, unless there is nothing else."""
        arrays = [one for one in found if self.is_array(one[1])] or found
        return [one for one in arrays if not self.is_scale(*one)] or arrays

    def _matching(
        self, found: list[tuple[str, Any]], patterns: Sequence[str]
    ) -> list[tuple[str, Any]]:
        from fnmatch import fnmatchcase  # late: few choose

        picked = [
            (name, entry)
            for name, entry in found
            if name in patterns
            or (
                any(fnmatchcase(name, pattern) for pattern in patterns)
                and self.is_array(entry)
                and not self.is_scale(name, entry)
            )
        ]
        if not picked:
            raise InputError(
                f"it has no array called {' or '.join(patterns)}; it has {_names(found)}",
                code="not_found",
            )
        return picked


def _label(label: str, name: str) -> str:
    """What people are shown; the array that a whole store is has no name."""
    return f"{label}:{name}" if name else label


def check_numbers(dtype: np.dtype[Any]) -> None:
    """Refuse an array of anything but numbers and bool."""
    if dtype.kind not in "biuf":
        what = _HELD.get(dtype.kind, f"values of type {one_line(str(dtype))[:40]}")
        raise InputError(f"it holds {what}; numbers and bool are read")


def _beside(chosen: Sequence[Member]) -> list[Member]:
    axes = [-1 if one.header is None else len(one.header.shape) for one in chosen]
    if max(axes) < 2:
        return list(chosen)
    return [one._replace(beside=0 <= count < 2) for one, count in zip(chosen, axes, strict=True)]


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
