"""The commands that pool: one per op, in every family of windows.

A family says which options place its windows and what geometry they come to; an op brings options
of its own. Neither knows the other, so a new op has its command in every family and a new family
has every op.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from poolcli.cli import options
from poolcli.cli.lazy import Entry, Values, build_command, build_group
from poolcli.cli.values import parse_counts, parse_padding
from poolcli.errors import UsageError
from poolcli.geometry import Geometry, Global, Sliding
from poolcli.ops import OPS, Op


class Family(NamedTuple):
    """A way to place windows: its options for an op, and the geometry that their values mean."""

    options: Callable[[Op], Sequence[inspect.Parameter]]
    geometry: Callable[[Op, Values], Geometry]


def op_entries() -> Mapping[str, Entry]:
    """Give every op as a command of its own, with sliding windows."""
    return _entries(SLIDING)


def family_entries() -> Mapping[str, Entry]:
    """Give every other family as a group of the same ops."""
    return {"global": Entry("pool each plane to one value: global OP INPUT...", _global_group)}


def _sliding_options(op: Op) -> Sequence[inspect.Parameter]:
    return [
        options.SIZE,
        options.STRIDE,
        options.padding(op.padding),
        options.DILATION,
        options.CEIL,
        *(options.DIVISION if op.divides else ()),
    ]


def _sliding(op: Op, values: Values) -> Geometry:
    if values["size"] is None:
        raise UsageError(f"{op.name} needs a window size: --size 2, --size 2x3")
    stride, padding = values["stride"], values["padding"]
    return Sliding(
        size=parse_counts(values["size"], "--size"),
        stride=None if stride is None else parse_counts(stride, "--stride"),
        padding=None if padding is None else parse_padding(padding),
        dilation=parse_counts(values["dilation"], "--dilation"),
        ceil_mode=values["ceil_mode"],
    )


SLIDING = Family(_sliding_options, _sliding)
GLOBAL = Family(lambda _op: [options.KEEPDIMS], lambda _op, _values: Global())


def _global_group() -> object:
    def all_cells() -> None:
        """Pool each plane (all of its cells) to one value per channel."""

    return build_group("global", _entries(GLOBAL), what="op", callback=all_cells)


def _entries(family: Family) -> Mapping[str, Entry]:
    return {
        op.name: Entry(op.summary, lambda op=op: _command(op, family), op.aliases)  # type: ignore[misc]
        for op in OPS.values()
    }


def _command(op: Op, family: Family) -> object:
    parameters = [
        options.INPUTS,
        *family.options(op),
        *(options.of_op(param) for param in op.params),
        options.LAYOUT,
        *options.VALUES,
        *options.OUTPUT,
        options.THREADS,
        options.MATRIX,
    ]

    def pool(values: Values) -> int:
        from poolcli.cli.running import pool_inputs

        return pool_inputs(op, family.geometry(op, values), values)

    return build_command(
        op.name, f"Pool every window to {op.summary}: {op.formula}.", parameters, pool
    )
