"""The commands that pool: one per op, in every family of windows.

A family says which options place its windows and what they ask for; an op brings options of its
own. Neither knows the other, so a new op has its command in every family and a new family has
every op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from poolcli.cli.command import Command, Entry, MoreEntries, Values, build_command, build_group
from poolcli.cli.declare import long_flag
from poolcli.families import FAMILIES, SLIDING, Family
from poolcli.ops import OPS, Op, names_of_plugins, op_of_plugin

OPS_HEADING, FAMILIES_HEADING = "Ops", "Ops in other windows"

Build = Callable[[Op, Family], Command]
"""Makes a command of an op and a family of windows."""


def op_entries(build: Build | None = None) -> Mapping[str, Entry]:
    """Give every op as a command of its own, with sliding windows.

    ``build`` makes commands that do something else with the same windows than pool.
    """
    return _entries(SLIDING, build or _command)


def family_entries(build: Build | None = None, command: str = "") -> Mapping[str, Entry]:
    """Give every other family as a group of the same ops; ``command`` is what stands before."""
    return {
        name: _group(family, build or _command, command)
        for name, family in FAMILIES.items()
        if family is not SLIDING
    }


def _group(family: Family, build: Build, command: str) -> Entry:
    needed = (p for p in family.params if p.name in family.usage)
    said = [f"{long_flag(param)} {family.usage[param.name]}" for param in needed]
    usage = " ".join([family.name, "OP", *said, "INPUT..."])

    def build_family() -> Any:
        def callback() -> None:
            pass

        summary = f"{family.summary[0].upper()}{family.summary[1:]}"
        words = " ".join(filter(None, ("poolcli", command, usage)))
        callback.__doc__ = f"{summary}.\n\n{words}"
        entries, more = _entries(family, build), plugin_entries(build, family)
        return build_group(family.name, entries, what="op", callback=callback, more=more)

    return Entry(f"{family.summary}: {usage}", build_family, heading=FAMILIES_HEADING)


def plugin_entries(build: Build | None = None, family: Family = SLIDING) -> MoreEntries:
    """Give the ops of plugins, which are looked for by name, as commands."""

    def find(name: str) -> Entry | None:
        op = op_of_plugin(name)
        return None if op is None else _entry(op, family, build or _command)

    return MoreEntries(find, names_of_plugins)


def _entries(family: Family, build: Build) -> Mapping[str, Entry]:
    return {op.name: _entry(op, family, build) for op in OPS.values()}


def _entry(op: Op, family: Family, build: Build) -> Entry:
    return Entry(op.summary, partial(build, op, family), op.aliases, OPS_HEADING)


def _command(op: Op, family: Family) -> Command:
    from poolcli.cli import takes  # a list of commands needs no options

    def pool(values: Values) -> int:
        # NumPy comes with the request, and not with --help.
        from poolcli.cli.requests import request_of
        from poolcli.cli.runner import run

        return run(request_of(op, family, values), values)

    help = f"Pool every window to {op.summary}: {op.formula}."
    return build_command(op.name, help, takes.of_pooling(op, family), pool)
