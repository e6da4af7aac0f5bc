"""The options that commands share, each said once.

A command's signature is put together from these, so that an option exists exactly where it means
something.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from poolcli.geometry import PADDING_WORDS
from poolcli.layout import CHANNELS_FIRST, CHANNELS_LAST
from poolcli.ops import Param
from poolcli.presets import INDEX_CONVENTIONS, PRESETS

Words = Sequence[str] | Callable[[], Sequence[str]]

DTYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)


_METAVARS = {int | None: "N", float | None: "NUMBER"}


def _formats() -> Sequence[str]:
    from poolcli.batch.formats import WRITABLE

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

SIZE = option("size", str | None, "Window size: N, HxW or DxHxW.", "--size", "-k", metavar="SIZE")
STRIDE = option(
    "stride",
    str | None,
    "Step from window to window, like the size (default: the size).",
    "--stride",
    "-s",
    metavar="SIZE",
)
DILATION = option(
    "dilation",
    str,
    "Step from cell to cell inside a window (default: 1).",
    "--dilation",
    "-d",
    metavar="SIZE",
    default="1",
)
CEIL = switch("ceil_mode", "Keep windows that reach past the end.", "--ceil")


def padding(default: str | int) -> inspect.Parameter:
    """Describe ``--padding``, whose default is the op's to choose."""
    return option(
        "padding",
        str | None,
        "Cells to add around: N, HxW, top:bottom,left:right, same, same-lower, center or valid "
        f"(default: {default}).",
        "--padding",
        "-p",
        metavar="PADDING",
        words=PADDING_WORDS,
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

OUTPUT_SIZE = option(
    "output_size",
    str | None,
    "Cells of the result per spatial axis: N, HxW or DxHxW.",
    "--output-size",
    metavar="SIZE",
)
FRACTION_SIZE = option(
    "size",
    str | None,
    "Window size (default: the smallest that leaves no gap).",
    "--size",
    "-k",
    metavar="SIZE",
)
SEED = option("seed", int | None, "Of the draws (default: 0).", "--seed")
LEVELS = option(
    "levels",
    str | None,
    "Output sizes, one after another: 1,2,4.",
    "--levels",
    metavar="SIZES",
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

KEEPDIMS = switch("keepdims", "Keep the pooled axes, with length 1.", "--keepdims")

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
