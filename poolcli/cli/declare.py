"""How options are declared to Typer, of what the command line knows and of what the tables say."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args

import typer

from poolcli.families import WindowParam
from poolcli.ops import Param

Words = Sequence[str] | Callable[[], Sequence[str]]

_METAVARS = {int | None: "N", float | None: "NUMBER"}


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


def reworded(
    parameter: inspect.Parameter, help: str, *, metavar: str | None = None
) -> inspect.Parameter:
    """The same option with the help that holds for one command.

    >>> get_args(reworded(switch("as_json", "", "--json"), "A line each.").annotation)[1].help
    'A line each.'
    """
    kind, declared = get_args(parameter.annotation)
    declared = copy.copy(declared)
    declared.help = help
    declared.metavar = metavar or declared.metavar
    return parameter.replace(annotation=Annotated[kind, declared])


def _completer(words: Words) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        known = words() if callable(words) else words
        return [word for word in known if word.startswith(incomplete)]

    return complete


def argument(
    name: str,
    kind: Any,
    metavar: str,
    help: str,
    default: Any = inspect.Parameter.empty,
    words: Words = (),
) -> inspect.Parameter:
    """Describe what a command takes without a flag; without a ``default`` it must be there.

    ``words`` as for :func:`option`.
    """
    offered = _completer(words) if words else None
    settings = typer.Argument(
        metavar=metavar, help=help, show_default=False, autocompletion=offered
    )
    declared = Annotated[kind, settings]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=declared
    )


def flags_of(parameter: inspect.Parameter) -> tuple[str, ...]:
    """The long flag of an option, and of a switch the one that turns it off; () of an argument.

    >>> flags_of(option("size", str, "", "--size", "-k"))
    ('--size',)
    >>> flags_of(switch("count", "", "--count/--no-count"))
    ('--count', '--no-count')
    """
    (declared,) = parameter.annotation.__metadata__
    # Typer takes the first flag for a default until it makes the command.
    return tuple(declared.default.split("/")) if isinstance(declared.default, str) else ()


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
    return f"--{param.long or param.name.replace('_', '-')}"


def of_window(param: WindowParam, padding: str | int = 0) -> inspect.Parameter:
    """Describe the option of what places windows; ``padding`` is the op's own."""
    synonyms = (f"--{word}" for word in param.synonyms)
    flags = (long_flag(param), *([f"-{param.short}"] if param.short else []), *synonyms)
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


def of_op(param: Param) -> inspect.Parameter:
    """Describe the option of an op's own parameter.

    Where it is not given the value is None, so that who fills it in can be another's business.
    """
    help = f"{param.help[0].upper()}{param.help[1:]} (default: {default_of(param)})."
    words = {"metavar": "|".join(param.choices), "words": param.choices} if param.choices else {}
    return option(param.name, param.type | None, help, flag_of(param), **words)
