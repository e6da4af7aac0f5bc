"""Everything about places that can be refused before any work is done."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from poolcli import formats
from poolcli.batch.inputs import Input, Search
from poolcli.batch.outputs import (
    BESIDE,
    STDOUT,
    Job,
    Target,
    is_special,
    name_outputs,
    parse_template,
)
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from poolcli.batch.manifest import Manifest
    from poolcli.batch.shards import Shard

Identity = tuple[int, int]
# From so many outputs on their folders are listed.
MANY = 100


def assign(
    inputs: Sequence[Input],
    target: Target,
    manifest: Manifest | None = None,
    search: Search = Search(),  # noqa: B008 (it is immutable)
    shard: Shard | None = None,
) -> list[Job]:
    """Give each source its output, refusing what cannot end well before anything is done.

    ``manifest`` knows, for ``target.resume``, which outputs are there and need not be made again.
    Of a ``shard`` only its own jobs are given. They get the names that they have in a run of all,
    and may not collide with any other.

    Raises
    ------
    UsageError: many inputs for one file, two inputs for one output, an output that exists or is
        an input, a folder that is missing or overlaps an input folder, a format that cannot be
        written.
    """
    jobs = name_outputs(inputs, target)
    _check_overlap(inputs, target, search)
    _check_distinct(jobs, target)
    input_files = _InputFiles(inputs)
    if shard is not None:
        own = shard.takes([item.label for item in inputs])
        jobs = [job for place, job in enumerate(jobs) if place in own]
    statuses = formats.Statuses()
    return [_settled(job, target, manifest, input_files, statuses) for job in jobs]


def check_target(target: Target) -> None:
    """Refuse places that cannot be, whatever the inputs. Raises UsageError."""
    for path in (target.output, *target.beside.values()):
        if path is None or path == STDOUT:
            continue
        if formats.is_address(path):
            formats.check_writable(path)
            continue
        folder = os.path.dirname(path)  # of DIR/ that is DIR
        if path.endswith(os.sep) and os.path.isdir(path) and formats.is_store(path):
            raise UsageError(
                f"{path}: is a store, not a folder of files; without the last {os.sep} it is named"
            )
        while folder and not os.path.lexists(folder):
            folder = os.path.dirname(folder)
        if folder and not os.path.isdir(folder):
            what = "" if folder == path.rstrip(os.sep) else f"{folder} "
            raise UsageError(f"{path}: {what}is there and no folder; name another folder")


def _check_overlap(inputs: Sequence[Input], target: Target, search: Search) -> None:
    if target.output is None or not target.is_folder or target.overwrite:
        return
    output = os.path.realpath(target.output)
    for root in {item.root for item in inputs if item.root is not None}:
        folder = os.path.realpath(root)
        nested = search.recursive and (_within(folder, output) or _within(output, folder))
        if folder == output or nested:
            raise UsageError(
                f"{target.output}: overlaps the input folder {root}; choose another folder, "
                "or allow it with `overwrite`"
            )


def _within(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _check_distinct(jobs: Sequence[Job], target: Target) -> None:
    taken: dict[str, tuple[str, str]] = {}
    owners: dict[str, Input] = {}
    real = cache(os.path.realpath)  # of folders, of which there are few
    is_there = _Listed() if len(jobs) > MANY else os.path.lexists
    for job in jobs:
        label = job.input.label
        beside = [(path, f"the {BESIDE[name]} in {label}") for name, path in job.beside.items()]
        for path, what in ((job.output, label), *beside):
            if path is None or path == STDOUT:
                continue
            folder, name = os.path.split(path)
            same = os.path.join(real(folder), name)
            if is_there(path):
                if os.path.isdir(path) and not formats.is_store(path):
                    raise UsageError(f"{path}: is a folder, and the result for {what} is a file")
                # Pipes and devices can be written to any number of times.
                if is_special(path):
                    continue
                if os.path.islink(path):  # which stays: what it points at is written
                    same = os.path.realpath(path)
            if same in taken:
                advice = _telling_apart(owners[same], job.input, target)
                raise UsageError(
                    f"{path}: would be written for both {taken[same][1]} and {what}{advice}"
                )
            taken[same], owners[same] = (path, what), job.input
    _check_no_folder(taken)


class _Listed:
    """Tells what is there by the lists of folders: asking for each file takes long in a network."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}

    def __call__(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder or os.curdir))
            except OSError:
                self._names[folder] = set()
        return name in self._names[folder]


# What tells inputs of one name apart, the most telling first.
_TEMPLATES = (
    "{stem}_{array}{ext}",
    "{stem}{in_ext}{ext}",
    "{parent}_{stem}{ext}",
    "{stem}_{n}{ext}",
)


def _telling_apart(one: Input, other: Input, target: Target) -> str:
    """Name a template that gives two inputs names of their own."""
    if one is other or one.file is None or other.file is None:
        return ""
    if target.template is not None:
        return f"; {{n}} in `name_template={target.template.text!r}` would tell them apart"
    for text in _TEMPLATES:
        template = parse_template(text)
        names = [
            template.name(str(item.file), item.member, target.format, target.op, number)
            for number, item in enumerate((one, other), 1)
        ]
        if names[0] != names[1]:
            return f"; `name_template={text!r}` tells them apart"
    return ""


def _check_no_folder(taken: Mapping[str, tuple[str, str]]) -> None:
    """Refuse an output that would have to be the folder of another, too."""
    known: set[str] = set()
    for same, (_, what) in taken.items():
        folder = os.path.dirname(same)
        while folder not in known:
            if folder in taken:
                path, other = taken[folder]
                raise UsageError(f"{path}: would be a file for {other} and a folder for {what}")
            known.add(folder)
            folder = os.path.dirname(folder)


def _settled(
    job: Job,
    target: Target,
    manifest: Manifest | None,
    input_files: _InputFiles,
    statuses: formats.Statuses,
) -> Job:
    """Decide what becomes of outputs that exist."""
    there = [path for path in job.paths if statuses.is_there(path) or formats.is_store(path)]
    for path in there:
        input_files.check(path, job.input)
    if target.resume and manifest is not None:
        if not all(map(manifest.knows, there)):
            manifest.refresh()  # another run may have made them since; it notes them first
        if manifest.is_done(job.input.file, job.input.member, job.paths):
            return job._replace(skip=True)
        there = [path for path in there if not manifest.knows(path)]
        if not there:
            return job._replace(overwrite=True)
    if not there or target.overwrite:
        return job
    if target.skip_existing:
        return job._replace(skip=True)
    why = "is the input itself" if input_files.is_own(there[0], job.input) else "exists"
    advice = "`overwrite` replaces it"
    if target.resume:
        why, advice = "exists and was not made by such a run", "`overwrite` takes it as unfinished"
    elif len(input_files) > 1:
        advice += ", `skip_existing` keeps it, `resume` does what is left of an earlier run"
    raise UsageError(f"{there[0]}: {why}; {advice}")


class _InputFiles:
    """The files that are read, by what is the same for all names of one file."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._inputs = inputs
        self._labels: dict[Identity, str] | None = None

    def __len__(self) -> int:
        return len(self._inputs)

    def is_own(self, path: str, item: Input) -> bool:
        """Tell whether ``path`` is the source's own file."""
        return item.file is not None and _identity(path) == _identity(item.file)

    def check(self, path: str, item: Input) -> None:
        """Refuse an output that is another source's file: it might be read before or after."""
        if self._labels is None:  # not looked up where no output exists, as it takes some time
            found = {_identity(s.file): s.label for s in self._inputs if s.file is not None}
            self._labels = {identity: found[identity] for identity in found if identity is not None}
        identity = _identity(path)
        other = self._labels.get(identity) if identity is not None else None
        if other is not None and other != item.label and not self.is_own(path, item):
            raise UsageError(
                f"{path}: would be replaced by the result for {item.label}, and is the input "
                f"{other}; choose another folder"
            )


def _identity(path: str) -> Identity | None:
    if formats.is_address(path):
        return (-1, hash(path))  # nothing here has it
    try:
        info = os.stat(path)
    except OSError:
        return None
    return info.st_dev, info.st_ino
