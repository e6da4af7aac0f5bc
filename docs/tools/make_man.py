"""Write the manual page from what ``--help`` says: ``make man``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from poolcli import __version__
from poolcli.cli.app import build
from poolcli.cli.examples import examples_of
from poolcli.ops import OPS

FAMILIES = ("global", "adaptive", "fractional", "pyramid")
EXIT_CODES = {
    "0": "All done.",
    "1": "Some input could not be pooled or written; the others are done.",
    "2": "Wrong usage: nothing was done.",
    "130, 143, 141": "Interrupted, terminated, or the reader of a pipe has gone.",
}
VARIABLES = {
    "POOLCLI_LAYOUT": "Layouts to assume, comma-separated, by their number of axes: CHW,NCHW.",
    "POOLCLI_LIKE": "A framework whose defaults to take, as with --like: torch, keras or onnx.",
    "POOLCLI_DEBUG": "Anything but 0 shows tracebacks of errors, as --debug does.",
    "NO_COLOR": "Anything leaves out colours.",
}
EXAMPLES = (
    "poolcli max --size 2 --stride 2 input.npy",
    "poolcli avg --size 2 photos/ -o small/",
    "cat maps.npy | poolcli max -k 2 - -o - | poolcli global avg -",
)


def page() -> Iterator[str]:
    """Give the lines of the page."""
    program = build()
    context = program.make_context("poolcli", [], resilient_parsing=True)
    names = program.list_commands(context)
    ops = [name for name in names if name in OPS]
    commands = {name: program.get_command(context, name) for name in names}
    yield f'.TH POOLCLI 1 "" "poolcli {__version__}" "User Commands"'
    yield ".SH NAME"
    yield "poolcli \\- pool images, arrays, text matrices and pipes"
    yield ".SH SYNOPSIS"
    for words in ("OP [OPTION]... INPUT...", f"{{{'|'.join(FAMILIES)}}} OP [OPTION]... INPUT..."):
        yield f".B poolcli\n{escaped(words)}\n.br"
    yield ".B poolcli\nCOMMAND [OPTION]... [ARGUMENT]..."
    yield ".SH DESCRIPTION"
    yield from paragraphs(program.help)
    yield ".SH OPERATIONS"
    for name in ops:
        op = OPS[name]
        yield f".TP\n.B {escaped(', '.join((op.name, *op.aliases)))}"
        yield escaped(f"{op.summary}: {op.formula} ({op.source})")
    yield ".SH OPTIONS OF ALL OPERATIONS"
    shared = shared_options([commands[name] for name in ops])
    yield from described(shared)
    yield ".SH OPTIONS OF SOME OPERATIONS"
    known = {option_names(option) for option in shared}
    for name in ops:
        own = [option for option in options_of(commands[name]) if option_names(option) not in known]
        if own:
            yield f".SS {escaped(name)}"
            yield from described(own)
    yield ".SH OTHER COMMANDS"
    for name in names:
        if name not in OPS:
            yield f".SS poolcli {escaped(name)}"
            yield from other_command(name, commands[name], known)
    for heading, entries in (("EXIT STATUS", EXIT_CODES), ("ENVIRONMENT", VARIABLES)):
        yield f".SH {heading}"
        for term, text in entries.items():
            yield f".TP\n.B {escaped(term)}\n{escaped(text)}"
    yield ".SH EXAMPLES\n.nf"
    yield from map(escaped, EXAMPLES)
    yield ".fi"


def other_command(name: str, command: Any, known: set[str]) -> Iterator[str]:
    """Give the lines of a command that is no operation."""
    yield from paragraphs(command.help)
    if hasattr(command, "get_command"):  # a group of ops
        context = command.make_context(name, [], resilient_parsing=True)
        command = command.get_command(context, "max")
    own = [option for option in options_of(command) if option_names(option) not in known]
    yield from described(own)
    yield ".PP\n.nf"
    yield from map(escaped, examples_of([name]))
    yield ".fi"


def options_of(command: Any) -> list[Any]:
    """Give the options of a command, without its arguments and --help."""
    return [p for p in command.params if p.param_type_name == "option" and p.name != "help"]


def option_names(option: Any) -> str:
    """Say all names of an option, and what its value is called."""
    names = ", ".join((*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.make_metavar(None)}"


def shared_options(commands: list[Any]) -> list[Any]:
    """Give the options that all commands have, word for word."""
    common = set.intersection(*({text_of(o) for o in options_of(c)} for c in commands))
    return [option for option in options_of(commands[0]) if text_of(option) in common]


def text_of(option: Any) -> tuple[str, str]:
    """Give everything that is said of an option."""
    return option_names(option), option.help or ""


def described(options: list[Any]) -> Iterator[str]:
    """Give the lines about options."""
    for option in options:
        names, text = text_of(option)
        yield f".TP\n.B {escaped(names)}\n{escaped(text)}"


def paragraphs(text: str | None) -> Iterator[str]:
    """Give the lines of a help text."""
    for paragraph in re.split(r"\n\s*\n", (text or "").strip()):
        yield f".PP\n{escaped(' '.join(paragraph.split()))}"


def escaped(text: str) -> str:
    """Write text so that it means itself."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text


def main(target: str) -> None:
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_text("\n".join(page()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
