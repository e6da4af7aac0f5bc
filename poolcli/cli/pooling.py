"""The commands that pool: one per op, in every family of windows.

A family says which options place its windows and what they ask for; an op brings options of its
own. Neither knows the other, so a new op has its command in every family and a new family has
every op.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from poolcli.cli import batch_options, options, picture_options
from poolcli.cli.lazy import Entry, Values, build_command, build_group
from poolcli.cli.values import parse_counts, parse_levels, parse_padding
from poolcli.errors import UsageError
from poolcli.geometry import Adaptive, Fractional, Geometry, Global, Sliding
from poolcli.ops import OPS, Op


class Family(NamedTuple):
    """A way to place windows: its options for an op, and what is asked with their values.

    ``has_indices``: each window is one of the input, so that its winner has a position there.
    """

    options: Callable[[Op], Sequence[inspect.Parameter]]
    ask: Callable[[Op, Values], Any]
    has_indices: bool = True


def op_entries() -> Mapping[str, Entry]:
    """Give every op as a command of its own, with sliding windows."""
    return _entries(SLIDING)


def family_entries() -> Mapping[str, Entry]:
    """Give every other family as a group of the same ops."""
    return {
        "global": _group("global", GLOBAL, "pool each plane to one value", "OP INPUT..."),
        "adaptive": _group(
            "adaptive",
            ADAPTIVE,
            "pool to an output size, whatever the input's",
            "OP --output-size 7 INPUT...",
        ),
        "fractional": _group(
            "fractional",
            FRACTIONAL,
            "pool to an output size with windows at pseudo-random steps",
            "OP --output-size 17 INPUT...",
        ),
        "pyramid": _group(
            "pyramid",
            PYRAMID,
            "pool to several output sizes and join the results",
            "OP --levels 1,2,4 INPUT...",
        ),
    }


def _sliding_options(op: Op) -> Sequence[inspect.Parameter]:
    return [
        options.SIZE,
        options.STRIDE,
        options.padding(op.padding),
        options.DILATION,
        options.CEIL,
        *(options.DIVISION if op.divides else ()),
    ]


def _sliding(op: Op, values: Values) -> Any:
    size = _needed(op, values, "size", _example_of_size(values))
    stride, padding = values["stride"], values["padding"]
    geometry = Sliding(
        size=parse_counts(size, "--size"),
        stride=None if stride is None else parse_counts(stride, "--stride"),
        padding=None if padding is None else parse_padding(padding),
        dilation=parse_counts(values["dilation"], "--dilation"),
        ceil_mode=values["ceil_mode"],
    )
    return _request(op, geometry, values)


def _adaptive(op: Op, values: Values) -> Any:
    return _request(op, Adaptive(_output_size(op, values)), values)


def _fractional(op: Op, values: Values) -> Any:
    size = values["size"]
    geometry = Fractional(
        _output_size(op, values),
        None if size is None else parse_counts(size, "--size"),
        values["seed"] or 0,
    )
    return _request(op, geometry, values)


def _pyramid(op: Op, values: Values) -> Any:
    levels = parse_levels(_needed(op, values, "levels", "levels: --levels 1,2,4"))
    from poolcli.cli.running import ask_for_pyramid

    return ask_for_pyramid(op, levels, values)


def _output_size(op: Op, values: Values) -> int | tuple[int, ...]:
    example = "an output size: --output-size 7, --output-size 7x5"
    return parse_counts(_needed(op, values, "output_size", example), "--output-size")


def _needed(op: Op, values: Values, name: str, example: str) -> str:
    if values[name] is None:
        raise UsageError(f"{op.name} needs {example}")
    return str(values[name])


def _example_of_size(values: Values) -> str:
    """Show how to give a size, with the one that was typed among the inputs if there is any."""
    typed = [name for name in values["inputs"] or () if re.fullmatch(r"\d+(x\d+)*", name)]
    stray = [name for name in typed if not os.path.lexists(name)]
    return f"a window size: --size {stray[0]}" if stray else "a window size: --size 2, --size 2x3"


def _request(op: Op, geometry: Geometry, values: Values) -> Any:
    # NumPy comes with the request, and not with --help.
    from poolcli.cli.running import ask

    return ask(op, geometry, values)


SLIDING = Family(_sliding_options, _sliding)
GLOBAL = Family(lambda _op: [options.KEEPDIMS], lambda op, values: _request(op, Global(), values))
ADAPTIVE = Family(lambda _op: [options.OUTPUT_SIZE], _adaptive)
FRACTIONAL = Family(
    lambda _op: [options.OUTPUT_SIZE, options.FRACTION_SIZE, options.SEED], _fractional
)
PYRAMID = Family(lambda _op: [options.LEVELS], _pyramid, has_indices=False)


def _group(name: str, family: Family, summary: str, usage: str) -> Entry:
    def build() -> Any:
        def callback() -> None:
            pass

        callback.__doc__ = f"{summary[0].upper()}{summary[1:]}.\n\npoolcli {name} {usage}"
        return build_group(name, _entries(family), what="op", callback=callback)

    return Entry(f"{summary}: {name} {usage}", build)


def _entries(family: Family) -> Mapping[str, Entry]:
    return {
        op.name: Entry(op.summary, partial(_command, op, family), op.aliases) for op in OPS.values()
    }


def _command(op: Op, family: Family) -> object:
    own = family.options(op)
    taken = {parameter.name for parameter in own}
    parameters = [
        options.INPUTS,
        *own,
        # A family's seed is the seed of an op that draws, too.
        *(options.of_op(param) for param in op.params if param.name not in taken),
        *(options.WINNERS if op.winner is not None and family.has_indices else ()),
        *(picture_options.of_op(op) if family.has_indices else ()),
        *options.AXES,
        *options.VALUES,
        *options.OUTPUT,
        *picture_options.PICTURES,
        options.THREADS,
        *batch_options.BATCH,
        options.ARRAYS,
        options.MATRIX,
    ]

    def pool(values: Values) -> int:
        asked = family.ask(op, values)
        from poolcli.cli.running import run

        return run(asked, values)

    return build_command(
        op.name, f"Pool every window to {op.summary}: {op.formula}.", parameters, pool
    )
