"""To which outputs: a file, a name for each input in a folder, or a stream."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from poolcli import formats
from poolcli.batch.inputs import Input
from poolcli.errors import UsageError
from poolcli.formats.base import SourceInfo
from poolcli.formats.table import (
    NPY,
    holds_several,
    is_written,
    picture_support_of,
    refusal,
    row_of,
)

FIELDS = {
    "stem": "the input's name without its extension",
    "array": "for FILE.npz:NAME the name of the array, else nothing",
    "ext": "the output's extension, with its dot",
    "in_ext": "the input's extension, with its dot",
    "parent": "the name of the folder that the input is in",
    "op": "what is done, such as max",
    "width": "the width of the result, in cells",
    "height": "the height of the result, in cells",
    "n": "the input's number, from 1; {n:04} pads it with zeros",
}
SIZES = ("width", "height")
_NUMBER_FORMAT = r"0[1-9][0-9]?d?"


class Template(NamedTuple):
    """A checked template; ``parts`` are (literal text, field, format), as string.Formatter says."""

    text: str
    parts: tuple[tuple[str, str | None, str], ...]

    @property
    def needs_size(self) -> bool:
        """Whether the size of a result is part of its name."""
        return any(field in SIZES for _, field, _ in self.parts)

    def name(
        self,
        path: str,
        array: str | None,
        extension: str | None,
        op: str,
        number: int,
        size: Mapping[str, int] = {},
    ) -> str:
        """Give the output's name for the input at ``path``, or one ``array`` of it.

        ``extension`` is the output's where it was asked for, else the input's own is kept; ``size``
        is the width and height of the result, as far as it has them.

        Raises UsageError where the name would be none, or lead out of the output folder.
        """
        stem, own = os.path.splitext(formats.file_name(path))
        values = {
            "stem": stem,
            "array": array or "",
            "ext": own if extension is None else extension,
            "in_ext": own,
            "parent": os.path.basename(os.path.dirname(os.path.abspath(path))),
            "op": op,
            **{name: str(cells) for name, cells in size.items()},
        }
        pieces = []
        for literal, field, format in self.parts:
            pieces.append(literal)
            if field in SIZES and field not in values:
                raise UsageError(
                    f"`name_template` {self.text}: the result for {path} has no {field}"
                )
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
BESIDE = {"indices": "positions", "share": "shares"}
"""What goes beside results into files of its own: options, and what messages call it."""


class Target(NamedTuple):
    """Where results go: a file, a folder, ``-`` for standard output, or None to be only shown.

    ``indices`` is the file or folder for the positions of winners, or None, and ``share`` that for
    how many cells have their values. ``template`` names the outputs in a folder, with ``op`` for
    its field of that name.

    ``measure`` gives the size of an input's result by the names of ``SIZES``, for a template that
    needs it; None where the input cannot be pooled.

    Of outputs that exist already, ``overwrite`` replaces all, ``skip_existing`` leaves all as they
    are, and ``resume`` replaces those that a manifest knows; otherwise they are refused.
    """

    output: str | None = None
    format: str | None = None
    overwrite: bool = False
    indices: str | None = None
    share: str | None = None
    template: Template | None = None
    op: str = ""
    skip_existing: bool = False
    resume: bool = False
    measure: Callable[[Input], Mapping[str, int] | None] | None = None

    def for_inputs(self, inputs: Sequence[Input]) -> Target:
        """The same, with a name that nothing has and no format ends with for a folder to be made.

        So it is for many inputs; a single one still needs a format.
        """
        if not is_many(inputs):
            return self
        return self._replace(
            output=_to_be_made(self.output),
            indices=_to_be_made(self.indices),
            share=_to_be_made(self.share),
        )

    @property
    def beside(self) -> dict[str, str]:
        """Where what goes beside the results goes, by the names in ``BESIDE``."""
        paths = {"indices": self.indices, "share": self.share}
        return {name: path for name, path in paths.items() if path is not None}

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
        row = row_of(self.format)
        return self.is_stdout and row is not None and not row.is_text

    @property
    def may_be_picture(self) -> bool:
        """Whether some result may have to fit a picture's depth."""
        if self.output is None:
            return False
        if self.format is not None:
            return picture_support_of(self.format) is not None
        if self.is_folder or self.is_stdout:
            return True
        return picture_support_of(extension_of(self.output)) is not None


class Job(NamedTuple):
    """One source and the place its results go to: a path, ``-``, or None to be only shown.

    ``format`` is the extension that says how to write; None writes the kind that was read.
    ``indices`` is the path for the positions of winners, or None where nobody asks for them, and
    ``share`` that for how many cells have their values.
    ``skip`` says that the outputs are there already and are left as they are.
    """

    input: Input
    output: str | None
    format: str | None
    overwrite: bool
    indices: str | None = None
    skip: bool = False
    share: str | None = None

    @property
    def beside(self) -> dict[str, str]:
        """The paths for what goes beside the result, by the names in ``BESIDE``."""
        paths = {"indices": self.indices, "share": self.share}
        return {name: path for name, path in paths.items() if path is not None}

    def placing(self, name: str, path: str) -> Job:
        """The job with a path for what goes beside its result by this name."""
        return self._replace(**{name: path})  # type: ignore[arg-type]  # of BESIDE: paths

    @property
    def takes_one(self) -> bool:
        """Whether the outputs hold one array, so that the source may not hold several."""
        to_file = self.output is not None and self.output != STDOUT
        return (to_file and not holds_several(self.format)) or bool(self.beside)

    @property
    def keeps_kind(self) -> bool:
        """Whether standard output gets the kind that was read."""
        return self.output == STDOUT and self.format is None

    def format_of(self, info: SourceInfo) -> str | None:
        """Give the extension that the result is written with; None where it is only shown.

        On standard output text and pictures stay what they are, and all else is .npy.
        """
        if self.output is None:
            return None
        stays = info.row.is_text or info.row.pictures is not None
        return NPY.extensions[0] if self.keeps_kind and not stays else self.format or info.format

    @property
    def paths(self) -> list[str]:
        """The files that are to be written."""
        every = (self.output, *self.beside.values())
        return [path for path in every if path is not None and path != STDOUT]


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
    for name in target.beside:
        jobs = [
            _with_beside(job, number, len(inputs), target, name)
            for number, job in enumerate(jobs, 1)
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


def _with_beside(job: Job, number: int, count: int, target: Target, option: str) -> Job:
    item, path, what = job.input, target.beside[option], BESIDE[option]
    if path == STDOUT:
        raise UsageError(f"`{option}='-'`: standard output is for results; name a file for {what}")
    if item.is_unreadable:
        return job
    if names_folder(path):
        name = _name(item, number, target, path, option, ".npy")
        return job if name is None else job.placing(option, os.path.join(path, name))
    if count > 1 or item.from_folder:
        raise UsageError(
            f"{path}: one file for the {what} of {count} inputs; "
            f"name a folder: `{option}={path + os.sep!r}`"
        )
    if extension_of(path) != ".npy" and not is_special(path):
        raise UsageError(f"{path}: {what} are written as .npy; say `{option}='FILE.npy'`")
    return job.placing(option, path)


def _job_with_file(item: Input, target: Target) -> Job:
    path = str(target.output)
    format = target.format or extension_of(path)
    if is_special(path):
        format = format or ".npy"  # which has no extension to go by
    _check_format(format, path, f", and `output={path + os.sep!r}` is a folder")
    return Job(item, path, format, target.overwrite)


def _check_format(format: str, where: str, advice: str = "") -> None:
    if not is_written(format):
        raise UsageError(f"{where}: {refusal(format)}{advice}")


def _job_in_folder(item: Input, number: int, target: Target) -> Job:
    folder = str(target.output)
    if item.is_unreadable:
        return Job(item, None, None, target.overwrite)
    name = _name(item, number, target, folder, "output", target.format)
    if name is None:
        return Job(item, None, None, target.overwrite)
    format = target.format or extension_of(name)
    known = format if is_written(format) else None
    return Job(item, os.path.join(folder, name), known, target.overwrite)


def _name(
    item: Input, number: int, target: Target, folder: str, option: str, extension: str | None
) -> str | None:
    """Give the name for the source's output in ``folder``: its own, or as the template says.

    None where that depends on a result that there cannot be.
    """
    if item.file is None:
        raise UsageError(
            f"{item.label}: has no name to keep in {folder}; say `{option}='FILE'` for it"
        )
    if target.template is not None:
        template = target.template
        size = target.measure(item) if template.needs_size and target.measure else {}
        if size is None:
            return None
        name = template.name(item.file, item.member, extension, target.op, number, size)
    else:
        stem, own = os.path.splitext(formats.file_name(item.file))
        name = stem + (own if extension is None else extension)
    return os.path.join(item.folder, name)


def extension_of(path: str) -> str:
    """Give the extension with its dot, in small letters."""
    return os.path.splitext(path)[1].lower()


def names_folder(path: str) -> bool:
    """Tell whether a target is a folder of files, there or to be made."""
    if formats.is_address(path):
        return path.endswith("/")
    return path.endswith(os.sep) or (os.path.isdir(path) and not formats.is_store(path))


def _to_be_made(path: str | None) -> str | None:
    """Give the name of a folder that the path can be, with its separator; else the path."""
    if path is None or path == STDOUT or names_folder(path):
        return path
    is_file = formats.is_address(path) or os.path.lexists(path) or is_written(extension_of(path))
    return path if is_file else path + os.sep


def is_special(path: str) -> bool:
    """Tell whether the path is a pipe or a device, such as /dev/null."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
