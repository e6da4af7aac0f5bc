"""The options that commands share, each said once.

A command's signature is put together from these, so that an option exists exactly where it means
something.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolcli.errors import UsageError
from poolcli.families import Family, WindowParam
from poolcli.frameworks.defaults import INDEX_CONVENTIONS, PRESETS
from poolcli.layout import CHANNELS_FIRST, CHANNELS_LAST
from poolcli.ops import Op, Param

if TYPE_CHECKING:
    pass

Words = Sequence[str] | Callable[[], Sequence[str]]

DTYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)


_METAVARS = {int | None: "N", float | None: "NUMBER"}


def _formats() -> Sequence[str]:
    from poolcli.formats.table import WRITABLE

    return [extension.removeprefix(".") for extension in WRITABLE]


class NanPolicy(StrEnum):
    """What a window with NaN in it gives."""

    propagate = "propagate"
    skip = "skip"
    error = "error"


def option(
    name: str,
    kind: Any,
    help: str,
    *flags: str,
    default: Any = None,
    words: Words = (),
    **settings: Any,
) -> inspect.Parameter:
    """Describe one option as the parameter of a command's function.

    ``words`` are values that a shell may offer; others may be right, too. Help shows what a value
    is in capitals, and words to choose from as they are.
    """
    if words:
        settings["autocompletion"] = _completer(words)
    if kind in _METAVARS:
        settings.setdefault("metavar", _METAVARS[kind])
    declared = Annotated[kind, typer.Option(*flags, help=help, show_default=False, **settings)]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=declared
    )


def _completer(words: Words) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        known = words() if callable(words) else words
        return [word for word in known if word.startswith(incomplete)]

    return complete


def switch(name: str, help: str, *flags: str) -> inspect.Parameter:
    """Describe one option that is on or off, and off by default."""
    return option(name, bool, help, *flags, default=False)


def flag_of(param: Param) -> str:
    """Give the flag of an op's own parameter, with its opposite if it has one.

    >>> flag_of(Param("max_gap", int, 1, ""))
    '--max-gap'
    >>> flag_of(Param("signed", bool, False, ""))
    '--signed/--no-signed'
    """
    flag = f"--{param.name.replace('_', '-')}"
    return f"{flag}/--no-{flag[2:]}" if param.type is bool else flag


def default_of(param: Param) -> str:
    """Give the default of an op's own parameter, as people write it."""
    return {True: "yes", False: "no"}[param.default] if param.type is bool else str(param.default)


def long_flag(param: WindowParam) -> str:
    """Give the flag of what places windows: ``--output-size``."""
    return param.flags[0] if param.flags else f"--{param.name.replace('_', '-')}"


def of_window(param: WindowParam, padding: str | int = 0) -> inspect.Parameter:
    """Describe the option of what places windows; ``padding`` is the op's own."""
    flags = (long_flag(param), *param.flags[1:])
    if param.is_switch:
        return switch(param.name, param.help, *flags)
    settings: dict[str, Any] = {"words": param.words} if param.words else {}
    return option(
        param.name,
        param.kind if param.default is not None else param.kind | None,
        param.help.format(padding=padding),
        *flags,
        default=param.default,
        metavar=param.metavar,
        **settings,
    )


def of_family(family: Family, op: Op) -> Sequence[inspect.Parameter]:
    """Describe the options that place the windows of a family for an op."""
    placing = [of_window(param, op.padding) for param in family.params]
    return [*placing, *(DIVISION if family.slides and op.divides else ())]


def read_windows(family: Family, values: Mapping[str, Any], command: str) -> Mapping[str, Any]:
    """Read the options that place windows, by the names of the family's parameters."""
    read: dict[str, Any] = {}
    for param in family.params:
        typed = values[param.name]
        if typed is None and param.examples:
            raise UsageError(f"{command} needs {param.meaning}: {_example(param, values)}")
        is_text = isinstance(typed, str)
        read[param.name] = param.read(typed, long_flag(param)) if is_text else typed
    return read


def _example(param: WindowParam, values: Mapping[str, Any]) -> str:
    """Show how to give it, with the number that was typed among the inputs if there is any."""
    flag = long_flag(param)
    numbers = [name for name in values["inputs"] or () if re.fullmatch(r"\d+(x\d+)*", name)]
    stray = [name for name in numbers if not os.path.lexists(name)]
    return ", ".join(f"{flag} {example}" for example in stray[:1] or param.examples)


def of_op(param: Param) -> inspect.Parameter:
    """Describe the option of an op's own parameter.

    Where it is not given the value is None, so that who fills it in can be another's business.
    """
    help = f"{param.help} (default: {default_of(param)})"
    words = {"metavar": "|".join(param.choices), "words": param.choices} if param.choices else {}
    return option(param.name, param.type | None, help, flag_of(param), **words)


INPUTS = inspect.Parameter(
    "inputs",
    inspect.Parameter.KEYWORD_ONLY,
    default=None,
    annotation=Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Files (.npy, .npz, file.npz:name, pictures, .csv .tsv .txt), folders, globs, "
            "or - for standard input.",
            show_default=False,
        ),
    ],
)

MATRIX = option(
    "matrix", list[str] | None, 'A matrix typed in place: "1 3; 5 6".', "--matrix", metavar="TEXT"
)

ARRAYS = option(
    "arrays",
    list[str] | None,
    "Of an .npz take the arrays of this name, such as 'conv*' (default: all; those of 0 or 1 axes "
    "beside larger ones go on as they are).",
    "--arrays",
    metavar="PATTERN",
)

DIVISION = (
    option(
        "count_include_pad",
        bool | None,
        "Count padding in the divisor (default: no).",
        "--count-include-pad/--no-count-include-pad",
    ),
    option("divisor", float | None, "Divide by this instead of the count of cells.", "--divisor"),
)

INDEX = option(
    "index",
    str | None,
    "What positions count: the cells of a plane, of the whole tensor, or of a plane with its "
    "channels last (default: plane, or as --like says).",
    "--index",
    metavar="|".join(INDEX_CONVENTIONS),
    words=tuple(INDEX_CONVENTIONS),
)
WINNERS = (
    option(
        "indices",
        str | None,
        "Write the position of each window's winner to this .npy file, or into this folder (DIR/).",
        "--indices",
        metavar="TARGET",
    ),
    INDEX,
)
INDICES_TO_READ = option(
    "indices", str | None, "The positions that the values go to.", "--indices", metavar="FILE"
)

LAYOUT = option(
    "layout",
    str | None,
    "Which axis is which: HW, HWC, CHW, NCHW, ... (default: what a picture file tells, else "
    "channels last, or one of those in the variable POOLCLI_LAYOUT that has as many letters as "
    "the array has axes).",
    "--layout",
    "-l",
    metavar="LETTERS",
    words=(*CHANNELS_LAST.values(), *CHANNELS_FIRST.values()),
)
LIKE = option(
    "like",
    str | None,
    "Take a framework's defaults for what is not given: layout, stride, counting of padding, "
    "positions, signs (default: the variable POOLCLI_LIKE).",
    "--like",
    metavar="|".join(PRESETS),
    words=tuple(PRESETS),
)
AXES = (LAYOUT, LIKE)

TYPES = (
    option(
        "dtype",
        str | None,
        "Type of the result, such as float32.",
        "--dtype",
        metavar="TYPE",
        words=DTYPES,
    ),
    switch("clip", "Round results, and cut them to what the target's type holds.", "--clip"),
)
VALUES = (
    option(
        "nan",
        NanPolicy,
        "Windows with NaN: propagate gives NaN, skip leaves NaN out, error refuses "
        "(default: propagate).",
        "--nan",
        metavar="|".join(NanPolicy),
        default=NanPolicy.propagate,
    ),
    option("nodata", float | None, "This value means missing.", "--nodata", metavar="VALUE"),
    option(
        "min_valid",
        float | None,
        "Give no value where less than this fraction of a window's cells is there "
        "(default: 0, one cell is enough).",
        "--min-valid",
        metavar="FRACTION",
    ),
    *TYPES,
)

JSON = switch("as_json", "One JSON object per input on standard output.", "--json")

OUTPUT = (
    option(
        "output",
        str | None,
        "Write to this file (format by extension), into this folder (DIR/), or - for standard "
        "output.",
        "--output",
        "-o",
        metavar="TARGET",
    ),
    option(
        "format",
        str | None,
        "Write in this format, and in a folder with its extension: npy, npz, csv, png, ...",
        "--format",
        "-f",
        "--to",
        metavar="EXT",
        words=_formats,
    ),
    switch("overwrite", "Replace outputs that exist.", "--overwrite"),
    JSON,
    switch("full", "Show every number on a terminal, too.", "--full"),
    switch("no_preview", "Show what was done, without numbers or picture.", "--no-preview"),
    switch("quiet", "Results only: no hints, and no report of what was done.", "--quiet", "-q"),
)

THREADS = option(
    "threads",
    int | None,
    "Threads to pool with, at most (default: one for each processor).",
    "--threads",
    min=1,
    metavar="N",
)


RECURSIVE = switch(
    "recursive",
    "Folders with all that is below them; outputs, if any, mirror the tree.",
    "--recursive",
    "-r",
)
FILES_FROM = option(
    "files_from",
    list[str] | None,
    "Read names of inputs from this file, or - for standard input: one a line, or separated by "
    "NUL as find -print0 writes them.",
    "--files-from",
    metavar="LIST",
)
JOBS = option(
    "jobs",
    int | None,
    "Files to work on at the same time (default: as many as processors).",
    "--jobs",
    "-j",
    min=1,
    metavar="N",
)
MAX_MEMORY = option(
    "max_memory",
    str | None,
    "Memory for everything that is being worked on, such as 500M or 2G (default: half of what is "
    "free).",
    "--max-memory",
    metavar="SIZE",
)

BATCH = (
    RECURSIVE,
    FILES_FROM,
    option(
        "name_template",
        str | None,
        "Names of outputs in a folder, such as {stem}_small{ext}; also {array}, {parent}, {op}, "
        "{n:04}.",
        "--name-template",
        metavar="TEMPLATE",
    ),
    switch("skip_existing", "Leave outputs that exist as they are.", "--skip-existing"),
    switch(
        "resume",
        "Do what an earlier run into this folder has left undone, or what has changed since.",
        "--resume",
    ),
    switch("dry_run", "Only say what would be done.", "--dry-run"),
    switch("fail_fast", "Stop at the first input that fails.", "--fail-fast"),
    JOBS,
    MAX_MEMORY,
)


def _colormaps() -> Sequence[str]:
    from poolcli.images.colormaps import NAMES

    return NAMES


LINEAR = switch(
    "linear", "Pool the light of pictures rather than its sRGB codes (8 and 16 bits).", "--linear"
)
BY = option(
    "by",
    str | None,
    "Take whole pixels: those whose luma, or channel (R, G, B, A or a number from 0), wins.",
    "--by",
    metavar="luma|CHANNEL",
)
MAX_PIXELS = option(
    "max_pixels",
    int | None,
    "Refuse larger pictures as possible decompression bombs (default: 178956970).",
    "--max-pixels",
    min=1,
    metavar="N",
)
PICTURES = (
    option(
        "colormap",
        str | None,
        "Write numbers as a picture, coloured: grey, viridis, magma, inferno, plasma, cividis or "
        "turbo; channels side by side in a grid.",
        "--colormap",
        metavar="NAME",
        words=_colormaps,
    ),
    option(
        "normalize",
        str | None,
        "Scale what is written as a picture to 0..255: minmax, each (minmax of every channel by "
        "itself) or two percentiles such as 2,98 (default with --colormap: minmax).",
        "--normalize",
        metavar="HOW",
    ),
    option(
        "grid",
        int | None,
        "Channels side by side, this many in a row (default: about a square).",
        "--grid",
        min=1,
        metavar="COLUMNS",
    ),
    option(
        "quality",
        int | None,
        "1 to 100, of .jpg and .webp (default: as the input; else 95 for .jpg, lossless .webp).",
        "--quality",
        metavar="N",
    ),
    option(
        "compression",
        str | None,
        "How hard to pack without loss: .png 0 to 9 (default: 4), .webp 0 to 6, .tif none or "
        "deflate (default: as the input).",
        "--compression",
        metavar="HOW",
    ),
    MAX_PIXELS,
)


def picture_options_of(op: Op) -> Sequence[inspect.Parameter]:
    """Give the options that depend on what the op does with colours."""
    return [*([LINEAR] if op.blends else []), *([BY] if op.winner is not None else [])]
