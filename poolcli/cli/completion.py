"""Completion in the shell: the script that a shell needs, and the answers to its questions.

The shell runs the program with a variable set, and takes what it prints for what may come next.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.errors import PoolError

VARIABLE = "_POOLCLI_COMPLETE"


def build() -> Command:
    """Make the command."""
    return build_command(
        "completion",
        "Print a script that completes commands, options and their values.\n\n"
        'eval "$(poolcli completion bash)"',
        takes.TAKES["completion"],
        _completion,
    )


def _completion(values: Values) -> int:
    # Typer has no public name for what its own --show-completion prints.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # as above

    script = get_completion_script(
        prog_name="poolcli", complete_var=VARIABLE, shell=values["shell"].value
    )
    print(script, file=messages.results())
    return 0


def answer(command: Any, question: str) -> int:
    """Print what may come next on the command line that the shell tells in its variables."""
    from typer import completion  # its names are for use, though not declared as exported

    completion_init, shell_complete = vars(completion)["completion_init"], completion.shell_complete

    completion_init()
    # The line so far means nothing, or the shell has not told it: then nothing can follow.
    with suppress(PoolError, KeyError, ValueError):
        return shell_complete(command, {}, "poolcli", VARIABLE, question)
    return 0
