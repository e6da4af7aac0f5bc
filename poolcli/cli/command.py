"""Groups whose commands are built when they are asked for.

Building a command costs about a millisecond, and there are as many as ops times geometries: a run
pays for the one it needs, and ``--help`` for none.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from poolcli.checks import closest
from poolcli.cli import messages
from poolcli.errors import UsageError
from poolcli.notation import shorten

Values = Mapping[str, Any]
Command = TyperCommand | TyperGroup


class Entry(NamedTuple):
    """A command that could be built: its line in the group's help, and how."""

    summary: str
    build: Callable[[], Command]
    aliases: tuple[str, ...] = ()
    heading: str = "Tools"
    """What it stands under in the group's help."""


class MoreEntries(NamedTuple):
    """Commands that are looked for when a name is none of the others: one by its name, and all."""

    find: Callable[[str], Entry | None]
    names: Callable[[], list[str]]


def entry_in(module: str, summary: str) -> Entry:
    """A command that its module of this package builds, which is loaded only for that."""

    def build() -> Command:
        made: Command = importlib.import_module(f"poolcli.cli.{module}").build()
        return made

    return Entry(summary, build)


def build_command(
    name: str,
    help: str,
    parameters: Sequence[inspect.Parameter],
    body: Callable[[Values], int],
) -> Command:
    """Make a command of its options and the function that gets their values by name.

    ``body`` gives the exit code.
    """

    def command(**values: Any) -> int:
        return body(values)

    command.__doc__ = help
    # What Typer reads instead of the **values.
    vars(command)["__signature__"] = inspect.Signature(parameters)
    app = _plain_app()
    app.command(name, cls=_Helpful)(command)
    return cast(Command, typer.main.get_command(app))


def build_group(
    name: str,
    entries: Mapping[str, Entry],
    *,
    what: str,
    callback: Callable[..., None],
    more: MoreEntries = MoreEntries(lambda _name: None, list),  # noqa: B008 (it is immutable)
    at_once: Callable[[Values], None] = lambda _values: None,
) -> Command:
    """Make a group of ``entries``; ``what`` they are called in messages (``command``, ``op``).

    ``callback`` is a typed function with the options that stand before the command; its docstring
    is the help text. ``more`` is asked for a command that is none of the entries, and ``at_once``
    gets the values of those options before any command is looked for.
    """

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            _note_help(ctx, args)
            if not args and not ctx.resilient_parsing:
                messages.note(ctx.get_help())
                raise typer.Exit(2)
            rest: list[str] = super().parse_args(ctx, args)
            at_once(ctx.params)
            return rest

        def list_commands(self, ctx: Any) -> list[str]:
            return list(entries)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            for known, entry in entries.items():
                if cmd_name == known or cmd_name in entry.aliases:
                    return entry.build()
            found = more.find(cmd_name)
            return None if found is None else found.build()

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            command = self.get_command(ctx, args[0])
            if command is None:
                names = [n for key, entry in entries.items() for n in (key, *entry.aliases)]
                names += [*more.names(), "--help"]
                advice = closest(args[0], names) or f" (see {ctx.command_path} --help)"
                raise UsageError(f"no {what} {shorten(args[0])!r}{advice}")
            return args[0], command, args[1:]

        def format_help(self, ctx: Any, formatter: Any) -> None:
            from poolcli.cli.help import write_group_help

            sections: dict[str, list[tuple[str, str]]] = {}
            for key, entry in entries.items():
                names = ", ".join((key, *entry.aliases))
                sections.setdefault(entry.heading, []).append((names, entry.summary))
            write_group_help(self, ctx, formatter, sections, short=_wants_short(ctx))

    app = _plain_app(cls=Group, subcommand_metavar=f"{what.upper()} ...")
    app.callback()(callback)
    group = cast(Command, typer.main.get_command(app))
    group.name = name
    return group


class _Helpful(TyperCommand):
    """A command whose help is in groups."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _note_help(ctx, args)
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from poolcli.cli.help import write_help

        write_help(self, ctx, formatter, short=_wants_short(ctx))


_SHORT = "poolcli.short_help"


def _note_help(ctx: Any, args: Sequence[str]) -> None:
    # One option with two names: where help is wanted and --help was not typed, -h was.
    ctx.meta[_SHORT] = "--help" not in args


def _wants_short(ctx: Any) -> bool:
    return bool(ctx.meta.get(_SHORT))


def _plain_app(**settings: Any) -> typer.Typer:
    # Rich help would double the time of --help; errors get their one line in cli.main.
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        **settings,
    )
