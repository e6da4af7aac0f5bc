"""The options for many inputs, and what their values mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from poolcli.cli.lazy import Values
from poolcli.cli.options import option, switch
from poolcli.cli.values import shorten
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from poolcli import batch

_SIZE = r"(\d{1,15}(?:\.\d{1,6})?) ?([KMGT]?)(?:i?B)?"
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}

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


def target_of(values: Values, op: str) -> batch.Target:
    """Say where results go. ``op`` is what a name template calls what is done.

    Raises UsageError where options contradict each other.
    """
    from poolcli import batch

    format, named = values["format"], values.get("name_template")
    template = None
    if named is not None:
        from poolcli.batch.names import parse_template

        template = parse_template(named)
    target = batch.Target(
        output=values["output"],
        format=None if format is None else "." + format.lower().removeprefix("."),
        overwrite=values["overwrite"],
        indices=values.get("indices"),
        template=template,
        op=op,
        skip_existing=values.get("skip_existing", False),
        resume=values.get("resume", False),
    )
    if target.skip_existing and (target.overwrite or target.resume):
        other = "--overwrite" if target.overwrite else "--resume"
        raise UsageError(f"--skip-existing and {other} contradict each other; say one of them")
    if target.skip_existing and (target.output is None or target.is_stdout):
        raise UsageError("--skip-existing needs outputs that can exist: --output FILE or DIR/")
    if target.resume and not target.is_folder:
        raise UsageError("--resume goes on with a folder of results: it needs --output DIR/")
    return target


def settings_of(values: Values, *, in_order: bool) -> batch.Settings:
    """Say how the work is to be shared out."""
    from poolcli import batch

    limit = values.get("max_memory")
    return batch.Settings(
        at_once=values.get("jobs"),
        max_bytes=None if limit is None else parse_size(limit),
        fail_fast=values.get("fail_fast", False),
        in_order=in_order,
    )


def parse_size(text: str) -> int:
    """Read a number of bytes: ``500M``, ``1.5G``, ``2GiB``; the units are powers of 1024.

    >>> parse_size("1.5K")
    1536
    """
    matched = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE)
    size = 0 if matched is None else int(float(matched[1]) * 2 ** _UNITS[matched[2].upper()])
    if size < 1:
        raise UsageError(f"--max-memory {shorten(text)}: give bytes, such as 500M or 2G")
    return size
