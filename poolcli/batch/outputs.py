"""To which outputs: a file, a name for each input in a folder, or a stream."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from poolcli import formats
from poolcli.batch.inputs import Input
from poolcli.errors import UsageError
from poolcli.formats.table import PICTURES, TEXTS, WRITABLE, holds_several, refusal

FIELDS = {
    "stem": "the input's name without its extension",
    "array": "for FILE.npz:NAME the name of the array, else nothing",
    "ext": "the output's extension, with its dot",
    "parent": "the name of the folder that the input is in",
    "op": "what is done, such as max",
    "n": "the input's number, from 1; {n:04} pads it with zeros",
}
_NUMBER_FORMAT = r"0[1-9][0-9]?d?"


class Template(NamedTuple):
    """A checked template; ``parts`` are (literal text, field, format), as string.Formatter says."""

    text: str
    parts: tuple[tuple[str, str | None, str], ...]

    def name(
        self, path: str, array: str | None, extension: str | None, op: str, number: int
    ) -> str:
        """Give the output's name for the input at ``path``, or one ``array`` of it.

        ``extension`` is the output's where it was asked for, else the input's own is kept.

        Raises UsageError where the name would be none, or lead out of the output folder.
        """
        stem, own = os.path.splitext(os.path.basename(path))
        values = {
            "stem": stem,
            "array": array or "",
            "ext": own if extension is None else extension,
            "parent": os.path.basename(os.path.dirname(os.path.abspath(path))),
            "op": op,
        }
        pieces = []
        for literal, field, format in self.parts:
            pieces.append(literal)
            if field is not None:
                pieces.append(f"{number:{format}}" if field == "n" else values[field])
        name = "".join(pieces)
        folders = name.split("/")
        if os.path.isabs(name) or os.pardir in folders or folders[-1] in ("", os.curdir):
            raise UsageError(
                f"`name_template` {self.text}: gives {name!r} for {path}, which names no file in "
                "the output folder"
            )
        return os.path.normpath(name)


def parse_template(text: str) -> Template:
    """Check a template, whatever the input.

    Only plain fields are known: no attributes, indices or conversions, so that a template reaches
    nothing but the name.

    Raises UsageError for an unknown field or a format that means nothing.

    >>> parse_template("{stem}_small{ext}").name("in/cat.jpg", None, ".png", "avg", 1)
    'cat_small.png'
    """
    import string  # late: few runs have a template

    parts = []
    try:
        for literal, field, format, conversion in string.Formatter().parse(text):
            if field is not None and (field not in FIELDS or conversion):
                known = ", ".join(f"{{{name}}}" for name in FIELDS)
                shown = f"{field}!{conversion}" if conversion else field
                raise UsageError(f"`name_template`: {{{shown}}} is unknown; use {known}")
            if format and not (field == "n" and re.fullmatch(_NUMBER_FORMAT, format)):
                raise UsageError(
                    f"`name_template`: {{{field}:{format}}} means nothing; "
                    "only {n:04} and the like have a format"
                )
            parts.append((literal, field, format or ""))
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"`name_template` {text}: {error}; write {{{{ for a brace") from error
    return Template(text, tuple(parts))


STDOUT = "-"


class Target(NamedTuple):
    """Where results go: a file, a folder, ``-`` for standard output, or None to be only shown.

    ``indices`` is the file or folder for the positions of winners, or None. ``template`` names the
    outputs in a folder, with ``op`` for its field of that name.

    Of outputs that exist already, ``overwrite`` replaces all, ``skip_existing`` leaves all as they
    are, and ``resume`` replaces those that a manifest knows; otherwise they are refused.
    """

    output: str | None = None
    format: str | None = None
    overwrite: bool = False
    indices: str | None = None
    template: Template | None = None
    op: str = ""
    skip_existing: bool = False
    resume: bool = False

    @property
    def is_stdout(self) -> bool:
        """Whether results go to standard output."""
        return self.output == STDOUT

    @property
    def is_folder(self) -> bool:
        """Whether each result gets a file of its own in a folder."""
        return self.output is not None and names_folder(self.output)

    @property
    def is_binary(self) -> bool:
        """Whether standard output would surely get bytes that are no text."""
        return self.is_stdout and self.format is not None and self.format not in TEXTS

    @property
    def may_be_picture(self) -> bool:
        """Whether some result may have to fit a picture's depth."""
        if self.output is None:
            return False
        if self.format is not None:
            return self.format in PICTURES
        return self.is_folder or extension_of(self.output) in PICTURES


class Job(NamedTuple):
    """One source and the place its results go to: a path, ``-``, or None to be only shown.

    ``format`` is the extension that says how to write; None writes the kind that was read.
    ``indices`` is the path for the positions of winners, or None where nobody asks for them.
    ``skip`` says that the outputs are there already and are left as they are.
    """

    input: Input
    output: str | None
    format: str | None
    overwrite: bool
    indices: str | None = None
    skip: bool = False

    @property
    def takes_one(self) -> bool:
        """Whether the outputs hold one array, so that the source may not hold several."""
        to_file = self.output is not None and self.output != STDOUT
        return (to_file and not holds_several(self.format)) or self.indices is not None

    @property
    def paths(self) -> list[str]:
        """The files that are to be written."""
        both = (self.output, self.indices)
        return [path for path in both if path is not None and path != STDOUT]


def name_outputs(inputs: Sequence[Input], target: Target) -> list[Job]:
    """Give each source its output; whether that can be written is not looked at.

    Raises
    ------
    UsageError: many inputs for one file, a format that cannot be written, no name for an output.
    """
    if target.template is not None and not target.is_folder:
        raise UsageError(f"`name_template` names files in a folder: say `output='DIR{os.sep}'`")
    if target.format is not None:
        _check_format(target.format, f"`format` {target.format}")
    jobs = _with_outputs(inputs, target)
    if target.indices is not None:
        jobs = [
            _with_indices(job, number, len(inputs), target) for number, job in enumerate(jobs, 1)
        ]
    return jobs


def is_many(inputs: Sequence[Input]) -> bool:
    """Tell whether there are several inputs, or could be another time."""
    return len(inputs) > 1 or any(item.from_folder for item in inputs)


def _with_outputs(inputs: Sequence[Input], target: Target) -> list[Job]:
    output = target.output
    if output is None:
        return [Job(item, None, None, target.overwrite) for item in inputs]
    if output == STDOUT:
        format = target.format
        if is_many(inputs):
            format = format or ".npy"
            if format != ".npy":
                raise UsageError(
                    f"`output='-'`: only npy can follow npy on standard output, not {format[1:]}"
                )
        return [Job(item, STDOUT, format, target.overwrite) for item in inputs]
    if target.is_folder:
        return [_job_in_folder(item, number, target) for number, item in enumerate(inputs, 1)]
    if is_many(inputs):
        raise UsageError(
            f"{output}: one file for {len(inputs)} inputs; name a folder: "
            f"`output={output + os.sep!r}`"
        )
    return [_job_with_file(inputs[0], target)]


def _with_indices(job: Job, number: int, count: int, target: Target) -> Job:
    item, indices = job.input, str(target.indices)
    if indices == STDOUT:
        raise UsageError("`indices='-'`: standard output is for results; name a file for positions")
    if item.is_unreadable:
        return job
    if names_folder(indices):
        name = _name(item, number, target, indices, "indices", ".npy")
        return job._replace(indices=os.path.join(indices, name))
    if count > 1 or item.from_folder:
        raise UsageError(
            f"{indices}: one file for the positions of {count} inputs; "
            f"name a folder: `indices={indices + os.sep!r}`"
        )
    if extension_of(indices) != ".npy" and not is_special(indices):
        raise UsageError(f"{indices}: positions are written as .npy; say `indices='FILE.npy'`")
    return job._replace(indices=indices)


def _job_with_file(item: Input, target: Target) -> Job:
    path = str(target.output)
    format = target.format or extension_of(path)
    if is_special(path):
        format = format or ".npy"  # which has no extension to go by
    _check_format(format, path)
    return Job(item, path, format, target.overwrite)


def _check_format(format: str, where: str) -> None:
    if format not in WRITABLE:
        raise UsageError(f"{where}: {refusal(format)}")


def _job_in_folder(item: Input, number: int, target: Target) -> Job:
    folder = str(target.output)
    if item.is_unreadable:
        return Job(item, None, None, target.overwrite)
    name = _name(item, number, target, folder, "output", target.format)
    format = target.format or extension_of(name)
    known = format if format in WRITABLE else None
    return Job(item, os.path.join(folder, name), known, target.overwrite)


def _name(
    item: Input, number: int, target: Target, folder: str, option: str, extension: str | None
) -> str:
    """Give the name for the source's output in ``folder``: its own, or as the template says."""
    if item.file is None:
        raise UsageError(
            f"{item.label}: has no name to keep in {folder}; say `{option}='FILE'` for it"
        )
    if target.template is not None:
        template = target.template
        name = template.name(item.file, item.member, extension, target.op, number)
    else:
        stem, own = os.path.splitext(os.path.basename(item.file))
        name = stem + (own if extension is None else extension)
    return os.path.join(item.folder, name)


def extension_of(path: str) -> str:
    """Give the extension with its dot, in small letters."""
    return os.path.splitext(path)[1].lower()


def names_folder(path: str) -> bool:
    """Tell whether a target is a folder of files, there or to be made."""
    return path.endswith(os.sep) or (os.path.isdir(path) and not formats.is_store(path))


def is_special(path: str) -> bool:
    """Tell whether the path is a pipe or a device, such as /dev/null."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
