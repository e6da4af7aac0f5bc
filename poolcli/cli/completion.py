"""Completion in the shell: the script that a shell needs, and the answers to its questions.

The shell runs the program with a variable set, and takes what it prints for what may come next.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.errors import PoolError, UsageError

VARIABLE = "_POOLCLI_COMPLETE"


class Place(NamedTuple):
    """Where a shell finds a script: ``file``, below the folder of a variable or a usual one.

    ``starts`` is the shell's start-up file, which gets the ``line`` that reads the script; without
    one the shell looks for the script by itself.
    """

    variable: str
    usual: str
    file: str
    home: str = ""
    starts: str = ""
    line: str = ""


PLACES = {
    "bash": Place(
        *("XDG_DATA_HOME", "~/.local/share", "poolcli/completion.bash"),
        starts=".bashrc",
        line="[ -r {file} ] && . {file}",
    ),
    "zsh": Place(
        *("XDG_DATA_HOME", "~/.local/share", "poolcli/completion.zsh"),
        home="ZDOTDIR",
        starts=".zshrc",
        # Without compinit there is no compdef, which the script calls.
        line="(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}; . {file}",
    ),
    "fish": Place("XDG_CONFIG_HOME", "~/.config", "fish/completions/poolcli.fish"),
}


def build() -> Command:
    """Make the command."""
    return build_command(
        "completion",
        "Print a script that completes commands, options and their values, or install it.",
        takes.TAKES["completion"],
        _completion,
    )


def _completion(values: Values) -> int:
    # Typer has no public name for what its own --show-completion prints.
    from typer.completion import get_completion_script  # type: ignore[attr-defined]  # as above

    shell: str = values["shell"].value
    if values["overwrite"] and not values["install"]:
        raise UsageError("--overwrite needs --install")
    script = get_completion_script(prog_name="poolcli", complete_var=VARIABLE, shell=shell)
    if values["install"]:
        _install(PLACES[shell], f"{script}\n", overwrite=values["overwrite"])
        messages.summary("a new shell completes the words of poolcli")
    else:
        print(script, file=messages.results())
    return 0


def _install(place: Place, script: str, *, overwrite: bool) -> None:
    """Put the script where the shell reads it, and say of every file what was done.

    Raises OutputError for a file that cannot be written, or has something else in it.
    """
    from poolcli.formats.atomic import atomic_target, make_folders
    from poolcli.formats.guard import writing

    path = _folder(place.variable, place.usual) / place.file
    with writing(str(path)):
        known = path.exists() and path.read_bytes() == script.encode()
        if not known:
            make_folders(str(path.parent))
            with atomic_target(str(path), overwrite) as file:
                file.write(script.encode())
    messages.summary(f"{path}: {'is there already' if known else 'written'}")
    if place.starts:
        import shlex

        line = place.line.format(file=shlex.quote(str(path)))
        _add_line(_folder(place.home, "~") / place.starts, line)


def _folder(variable: str, usual: str) -> Path:
    return Path(os.environ.get(variable) or usual).expanduser()


def _add_line(path: Path, line: str) -> None:
    """Add a line to the end of a file, unless it has it; nothing in it is changed."""
    from poolcli.formats.guard import writing

    with writing(str(path)):
        text = path.read_bytes() if path.exists() else b""
        known = line.encode() in text.splitlines()
        if not known:
            begin = b"\n" if text and not text.endswith(b"\n") else b""
            with path.open("ab") as file:
                file.write(begin + line.encode() + b"\n")
    said = "has this line already" if known else "this line was added"
    messages.summary(f"{path}: {said}: {line}")


def answer(command: Any, question: str) -> int:
    """Print what may come next on the command line that the shell tells in its variables."""
    from typer import completion  # its names are for use, though not declared as exported

    completion_init, shell_complete = vars(completion)["completion_init"], completion.shell_complete

    completion_init()
    # The line so far means nothing, or the shell has not told it: then nothing can follow.
    with suppress(PoolError, KeyError, ValueError):
        return shell_complete(command, {}, "poolcli", VARIABLE, question)
    return 0
