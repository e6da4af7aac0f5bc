"""The options and arguments of many commands, each declared once.

Those of one command, or of a few that go together, are in ``command_options.py``. Which command
takes which says ``takes.py``; what one of them makes of an option that others have, too, is the
same option :func:`~poolcli.cli.declare.reworded`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from poolcli.cli.declare import argument, option, reworded, switch
from poolcli.frameworks.defaults import INDEX_CONVENTIONS
from poolcli.frameworks.table import TABLE as FRAMEWORKS
from poolcli.layout import CHANNELS_FIRST, CHANNELS_LAST

DTYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
)


def _formats() -> Sequence[str]:
    from poolcli.formats.table import WRITABLE

    return [extension.removeprefix(".") for extension in WRITABLE]


class NanPolicy(StrEnum):
    """What a window with NaN in it gives."""

    propagate = "propagate"
    skip = "skip"
    error = "error"


INPUTS = argument(
    "inputs",
    list[str] | None,
    "INPUT...",
    "Files (.npy, .npz, file.npz:name, .safetensors, .h5, .nc, pictures, .csv .tsv .txt), .zarr, "
    "folders, globs, or - for standard input, which a pipe is read from without it.",
    default=None,
)

MATRIX = option(
    "matrix", list[str] | None, 'A matrix typed in place: "1 3; 5 6".', "--matrix", metavar="TEXT"
)

ARRAYS = option(
    "arrays",
    list[str] | None,
    "Take the arrays of an archive with this name, such as 'conv*' (default: all, where those of "
    "0 or 1 axes beside larger ones are copied as they are).",
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
INDICES = option(
    "indices",
    str | None,
    "Write the position of each window's winner to this .npy file, or into this folder (DIR/).",
    "--indices",
    metavar="TARGET",
)
INDICES_TO_READ = reworded(INDICES, "The positions that the values go to.", metavar="FILE")
WINNERS = (INDICES, INDEX)
SHARE = option(
    "share",
    str | None,
    "Write how sure each value is to this .npy file, or into this folder (DIR/): the share of the "
    "window's cells that have it, of those that count.",
    "--share",
    metavar="TARGET",
)

LAYOUT = option(
    "layout",
    str | None,
    "Which axis is which, such as HW, CHW or NHWC (default: what the file says, else "
    "one of the variable POOLCLI_LAYOUT with as many letters as axes, else channels last).",
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
    metavar="|".join(FRAMEWORKS),
    words=tuple(FRAMEWORKS),
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
MASK = option(
    "mask",
    str | None,
    "Cells that do not count: those that are not 0 in this file, of the shape of the input or of "
    "its planes.",
    "--mask",
    metavar="FILE",
)
WEIGHTS = option(
    "weights",
    str | None,
    "How much each cell counts: the numbers from 0 on in this file, of the shape of the input or "
    "of its planes.",
    "--weights",
    metavar="FILE",
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
        "Give no value where less than this fraction of a window's cells is valid "
        "(default: 0, one cell is enough).",
        "--min-valid",
        metavar="FRACTION",
    ),
    *TYPES,
)

JSON = switch("as_json", "One JSON object per input on standard output.", "--json")
TARGET = option(
    "output",
    str | None,
    "Write to this file (format by extension), into this folder (DIR/, or DIR for many inputs), or "
    "- for standard output.",
    "--output",
    "-o",
    metavar="TARGET",
)
OVERWRITE = switch("overwrite", "Replace outputs that exist.", "--overwrite")
QUIET = switch("quiet", "Results only: no hints, and no report of what was done.", "--quiet", "-q")
NO_PREVIEW = switch("no_preview", "Show what was done, without numbers or picture.", "--no-preview")
OUTPUT = (
    TARGET,
    option(
        "format",
        str | None,
        "Write in this format, and in a folder with its extension, such as npy, zarr, csv or png.",
        "--format",
        "-f",
        "--to",
        metavar="EXT",
        words=_formats,
    ),
    OVERWRITE,
    JSON,
    switch("full", "Show every number on a terminal, too.", "--full"),
    NO_PREVIEW,
    QUIET,
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
    "Read folders below folders, too; outputs mirror the tree.",
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
    "Memory to use for all files at work, such as 500M or 2G (default: half of what is free).",
    "--max-memory",
    metavar="SIZE",
)

SHARD = option(
    "shard",
    str | None,
    "Do part I of N of the inputs, I from 0 to N-1: in the order of their names input i belongs to "
    "part i mod N. auto takes both from an array job of Slurm or AWS Batch, auto/N the part from "
    "these or a Kubernetes indexed job.",
    "--shard",
    metavar="I/N|auto|auto/N",
)

CLUSTER = (
    option(
        "scheduler",
        str | None,
        "Work on the Dask cluster of this scheduler: tcp://HOST:PORT, tls://HOST:PORT, its "
        "FILE.json, or auto for the variable DASK_SCHEDULER_ADDRESS.",
        "--scheduler",
        metavar="ADDRESS",
    ),
    switch("mixed", "Allow workers to have other versions of libraries.", "--mixed"),
    switch("insecure", "Allow a scheduler beyond this machine without TLS.", "--insecure"),
)

# Where inputs are searched, and how they are read.
SEARCH = (RECURSIVE, FILES_FROM)
TABLES = (
    option(
        "delimiter",
        str | None,
        "What separates the columns of text: one character, or tab, space, comma, semicolon "
        "(default: what the rows have).",
        "--delimiter",
        metavar="CHARACTER",
        words=("tab", "space", "comma", "semicolon"),
    ),
    option(
        "skip_header",
        int | None,
        "Lines before the numbers of text (default: one, if it is a heading).",
        "--skip-header",
        min=0,
        metavar="N",
    ),
    option(
        "missing",
        list[str] | None,
        "One more word for a missing number in text, beside NA, N/A, null and empty cells.",
        "--missing",
        metavar="WORD",
    ),
)
READING = (ARRAYS, MATRIX, *TABLES)
BATCH = (
    *SEARCH,
    option(
        "name_template",
        str | None,
        "Names of outputs in a folder, such as {stem}_small{ext}; also {array}, {in_ext}, "
        "{parent}, {op}, {width}, {height}, {n:04}.",
        "--name-template",
        metavar="TEMPLATE",
        words=("{stem}_small{ext}", "{stem}_{op}{ext}", "{parent}_{stem}{ext}", "{n:04}{ext}"),
    ),
    switch("skip_existing", "Leave outputs that exist as they are.", "--skip-existing"),
    switch(
        "resume",
        "Do what an earlier run into this folder has left undone, or what has changed since.",
        "--resume",
    ),
    switch("dry_run", "Only say what would be done.", "--dry-run"),
    switch("unordered", "Tell of each input when it is done, whichever is.", "--unordered"),
    switch("fail_fast", "Stop at the first input that fails.", "--fail-fast"),
    JOBS,
    MAX_MEMORY,
    SHARD,
    *CLUSTER,
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
        "background",
        str | None,
        "Put transparent pictures on this colour, such as white or '#ff8000': .jpg knows no "
        "transparency.",
        "--background",
        metavar="COLOUR",
        words=("white", "black", "grey"),
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
