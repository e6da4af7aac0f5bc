"""To which outputs, and everything that can be refused before any work is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from poolcli.batch.formats import PICTURES, TEXTS, WRITABLE
from poolcli.batch.sources import Source
from poolcli.errors import UsageError

STDOUT = "-"


class Target(NamedTuple):
    """Where results go: a file, a folder, ``-`` for standard output, or None to be only shown."""

    output: str | None = None
    format: str | None = None
    overwrite: bool = False

    @property
    def is_stdout(self) -> bool:
        """Whether results go to standard output."""
        return self.output == STDOUT

    @property
    def is_folder(self) -> bool:
        """Whether each result gets a file of its own in a folder."""
        return self.output is not None and (
            self.output.endswith(os.sep) or os.path.isdir(self.output)
        )

    @property
    def is_binary(self) -> bool:
        """Whether standard output would get bytes that are no text."""
        return self.is_stdout and self.format not in TEXTS

    @property
    def may_be_picture(self) -> bool:
        """Whether some result may have to fit a picture's depth."""
        if self.output is None:
            return False
        if self.format is not None:
            return self.format in PICTURES
        return self.is_folder or _extension(self.output) in PICTURES


class Job(NamedTuple):
    """One source and the place its results go to: a path, ``-``, or None to be only shown.

    ``format`` is the extension that says how to write; None writes the kind that was read.
    """

    source: Source
    output: str | None
    format: str | None
    overwrite: bool


def assign(sources: Sequence[Source], target: Target) -> list[Job]:
    """Give each source its output, refusing what cannot end well before anything is done.

    Raises
    ------
    UsageError: many inputs for one file, two inputs for one output, an output that exists or is
        an input, a folder that is missing, a format that cannot be written.
    """
    output = target.output
    if target.format is not None:
        _check_format(target.format, f"--format {target.format}")
    if output is None:
        return [Job(source, None, None, False) for source in sources]
    many = len(sources) > 1 or any(source.from_folder for source in sources)
    if output == STDOUT:
        format = target.format or ".npy"
        if many and format != ".npy":
            raise UsageError(f"-o -: only npy can follow npy on standard output, not {format[1:]}")
        return [Job(source, STDOUT, format, False) for source in sources]
    if target.is_folder:
        jobs = [_job_in_folder(source, target) for source in sources]
    elif many:
        raise UsageError(
            f"{output}: one file for {len(sources)} inputs; name a folder: -o {output}{os.sep}"
        )
    else:
        jobs = [_job_with_file(sources[0], target)]
    _check_places(jobs, target)
    return jobs


def _job_with_file(source: Source, target: Target) -> Job:
    path = str(target.output)
    format = target.format or _extension(path)
    if os.path.exists(path) and not os.path.isfile(path):
        format = format or ".npy"  # a pipe or device, which has no extension to go by
    _check_format(format, path)
    return Job(source, path, format, target.overwrite)


def _check_format(format: str, where: str) -> None:
    if format not in WRITABLE:
        named = f"extension {format!r} is unknown" if format else "has no extension"
        raise UsageError(f"{where}: {named}; those written are {' '.join(WRITABLE)}")


def _job_in_folder(source: Source, target: Target) -> Job:
    folder = str(target.output)
    if source.fails:
        return Job(source, None, None, False)
    if source.path is None:
        raise UsageError(f"{source.label}: has no name to keep in {folder}; say -o FILE for it")
    name = os.path.basename(_file_behind(source.path))
    if target.format is not None:
        name = os.path.splitext(name)[0] + target.format
    format = _extension(name) if _extension(name) in WRITABLE else None
    return Job(source, os.path.join(folder, name), format, target.overwrite)


def _extension(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _check_places(jobs: Sequence[Job], target: Target) -> None:
    folder = os.path.dirname(str(target.output).rstrip(os.sep)) or os.curdir
    if not os.path.isdir(folder):
        raise UsageError(f"{target.output}: there is no folder {folder}; make it first")
    taken: dict[str, str] = {}
    for job in jobs:
        if job.output is None:
            continue
        path, label = job.output, job.source.label
        if path in taken:
            raise UsageError(f"{path}: would be written for both {taken[path]} and {label}")
        taken[path] = label
        if os.path.isdir(path):
            raise UsageError(f"{path}: is a folder, and the result for {label} is a file")
        # Pipes and devices, such as /dev/null, exist to be written to.
        if os.path.isfile(path) and not target.overwrite:
            what = "is the input itself" if _is_input(path, job.source) else "exists"
            raise UsageError(f"{path}: {what}; --overwrite replaces it")


def _is_input(path: str, source: Source) -> bool:
    if source.path is None:
        return False
    file = _file_behind(source.path)
    return os.path.exists(file) and os.path.samefile(path, file)


def _file_behind(path: str) -> str:
    """Give the file that holds an array named as ``file.npz:name``."""
    while ":" in path and not os.path.lexists(path):
        path = path.rpartition(":")[0]
    return path
