"""The program: every command and where it is built."""

from __future__ import annotations

from typing import Annotated

import typer

from poolcli import __version__
from poolcli.cli import messages, pool
from poolcli.cli.command import Command, Values, build_group, entry_in
from poolcli.errors import UsageError
from poolcli.frameworks.table import titles

THEIRS = titles("'s")
# What each command is for; its module of this package is loaded when it is the one that is wanted.
COMMANDS = (
    ("unpool", "unpool", "put values back to the positions that --indices gave"),
    ("chain", "chain", 'pool by several stages: chain "max 2 | avg 2" INPUT...'),
    (
        *("overviews", "overviews"),
        "write an array with smaller versions of it: overviews OP INPUT -o x.ome.zarr",
    ),
    ("shape", "shape", 'show what a chain does: shape 224x224x64 "max 3/2 p1"'),
    ("compare", "compare", "show several ops side by side: compare INPUT"),
    ("shift-test", "shift", "show what stays when the input moves: shift-test INPUT"),
    ("conform", "conform", f"compare one window under {THEIRS} rules"),
    ("explain", "explain", "show what an op does, window by window: explain OP INPUT"),
    (
        *("animate", "animate"),
        "write what an op does as a moving picture or a page: animate OP INPUT -o x.gif",
    ),
    ("ops", "ops", "list the ops with formula and source, or show one: ops NAME"),
    ("info", "info", "show the shape, type and layout of inputs"),
    (
        "completion",
        "completion",
        "complete words in a shell: completion bash --install",
    ),
)


def build() -> Command:
    """Make the ``poolcli`` command."""
    others = {name: entry_in(module, summary) for name, module, summary in COMMANDS}
    entries = {**pool.op_entries(), **pool.family_entries(), **others}
    return build_group(
        *("poolcli", entries),
        what="command",
        callback=_program,
        more=pool.plugin_entries(),
        at_once=_tell_version,
    )


def _tell_version(values: Values) -> None:
    if values["as_json"] and not values["version"]:
        raise UsageError("--json stands after a command, or with --version")
    if not values["version"]:
        return
    if values["as_json"]:
        from poolcli.cli.version import details  # late: it loads what it tells of

        print(details(), file=messages.results())
    else:
        print(f"poolcli {__version__}", file=messages.results())
    raise typer.Exit


def _program(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Show the version; with --json those of libraries."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", hidden=True)] = False,
) -> None:
    """Pool images, arrays, text matrices and pipes with any window, in any array layout."""
    messages.want_debugging(debug)
