"""The program: every command and where it is built."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from poolcli import __version__
from poolcli.cli import chain, completion, conform, info, messages, ops, pool, shape, unpool
from poolcli.cli.command import build_group, entry_in


def build() -> Any:
    """Make the ``poolcli`` command."""
    entries = {
        **pool.op_entries(),
        **pool.family_entries(),
        **unpool.entries(),
        **chain.entries(),
        **shape.entries(),
        "compare": entry_in("compare", "show several ops side by side: compare INPUT"),
        "shift-test": entry_in("shift", "show what stays when the input moves: shift-test INPUT"),
        **conform.entries(),
        "explain": entry_in("explain", "show what an op does, window by window: explain OP INPUT"),
        "animate": entry_in(
            "animate",
            "write what an op does as a moving picture or a page: animate OP INPUT -o x.gif",
        ),
        **ops.entries(),
        **info.entries(),
        **completion.entries(),
    }
    return build_group("poolcli", entries, what="command", callback=_program)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"poolcli {__version__}")
        raise typer.Exit


def _program(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Show the version.", is_eager=True, callback=_version),
    ] = False,
) -> None:
    """Pool images, arrays, text matrices and pipes with any window, in any array layout.

    poolcli max --size 2 --stride 2 input.npy
    """
    messages.want_debugging(debug)
