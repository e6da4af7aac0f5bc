"""The commands that pool: one per op, in every family of windows.

A family says which options place its windows and what they ask for; an op brings options of its
own. Neither knows the other, so a new op has its command in every family and a new family has
every op.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from poolcli.cli import options
from poolcli.cli.command import Entry, Values, build_command, build_group
from poolcli.families import FAMILIES, SLIDING, Family
from poolcli.ops import OPS, Op

if TYPE_CHECKING:
    from poolcli.plan import Request

Build = Callable[[Op, Family], object]
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
    def build_family() -> Any:
        def callback() -> None:
            pass

        summary = f"{family.summary[0].upper()}{family.summary[1:]}"
        words = " ".join(filter(None, ("poolcli", command, family.name, family.usage)))
        callback.__doc__ = f"{summary}.\n\n{words}"
        return build_group(family.name, _entries(family, build), what="op", callback=callback)

    return Entry(f"{family.summary}: {family.name} {family.usage}", build_family)


def _entries(family: Family, build: Build) -> Mapping[str, Entry]:
    return {
        op.name: Entry(op.summary, partial(build, op, family), op.aliases) for op in OPS.values()
    }


def window_options(op: Op, family: Family) -> list[inspect.Parameter]:
    """Give the options that place the windows of an op, and those of its own."""
    own = options.of_family(family, op)
    taken = {parameter.name for parameter in own}
    # A family's seed is the seed of an op that draws, too.
    return [*own, *(options.of_op(param) for param in op.params if param.name not in taken)]


def request_of(op: Op, family: Family, values: Values) -> Request:
    """Give what the options ask for: an op over the windows of a family."""
    windows = options.read_windows(family, values, op.name)
    # NumPy comes with the request, and not with --help.
    from poolcli.cli import requests

    return requests.request_of(op, family.place(windows), values)


def _command(op: Op, family: Family) -> object:
    parameters = [
        options.INPUTS,
        *window_options(op, family),
        *(options.WINNERS if op.winner is not None and not family.joins else ()),
        *(options.picture_options_of(op) if not family.joins else ()),
        *options.AXES,
        *options.VALUES,
        *options.OUTPUT,
        *options.PICTURES,
        options.THREADS,
        *options.BATCH,
        options.ARRAYS,
        options.MATRIX,
    ]

    def pool(values: Values) -> int:
        request = request_of(op, family, values)
        from poolcli.cli.runner import run

        return run(request, values)

    return build_command(
        op.name, f"Pool every window to {op.summary}: {op.formula}.", parameters, pool
    )
