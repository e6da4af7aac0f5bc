"""Which command takes which options.

An option exists exactly where it means something: what a command takes is a row of ``TAKES``, for
the commands that pool :func:`of_pooling`.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence

from poolcli.cli.command_options import (
    ANIMATION,
    CODE,
    COMPARED_OPS,
    CONFORM,
    INSTALL,
    MEASURED,
    OVERVIEWS,
    SHAPE,
    SHEET,
    SHIFTING,
    STAGES,
    UNPOOL_WINDOWS,
    WHICH,
    Shell,
)
from poolcli.cli.declare import argument, of_op, of_window, reworded, switch
from poolcli.cli.options import (
    AXES,
    BATCH,
    BY,
    DIVISION,
    INDEX,
    INDICES_TO_READ,
    INPUTS,
    JSON,
    LINEAR,
    MASK,
    MAX_PIXELS,
    OUTPUT,
    PICTURES,
    READING,
    SEARCH,
    SHARE,
    THREADS,
    TYPES,
    VALUES,
    WEIGHTS,
    WINNERS,
)
from poolcli.families import FAMILIES, SLIDING, Family
from poolcli.ops import OPS, Op, shown_by_default


def _ops_of(command: str) -> inspect.Parameter:
    """The option that names the ops that ``command`` compares."""
    names = ""
    for least, ops in itertools.groupby(shown_by_default(command), lambda op: op.least_size):
        listed = ",".join(op.name for op in ops)
        names += listed if least == 1 else f", and {listed} from size {least} on"
    return reworded(COMPARED_OPS, f"Ops to compare, with commas between them (default: {names}).")


UNPOOLING = (INDICES_TO_READ, *map(of_window, UNPOOL_WINDOWS), INDEX)

TAKES: Mapping[str, Sequence[inspect.Parameter]] = {
    "unpool": (INPUTS, *UNPOOLING, *AXES, *TYPES, *OUTPUT, *READING),
    "explain unpool": (INPUTS, *UNPOOLING, *WHICH, *AXES, *TYPES, *READING),
    "animate unpool": (INPUTS, *UNPOOLING, *ANIMATION, *AXES, *TYPES, *READING),
    "chain": (STAGES, INPUTS, *AXES, *VALUES, *OUTPUT, THREADS, *BATCH, *READING),
    "shape": (
        SHAPE,
        STAGES,
        *AXES,
        CODE,
        reworded(JSON, "One JSON object per stage."),
    ),
    "compare": (
        *(INPUTS, *map(of_window, MEASURED.params), _ops_of("compare")),
        *(*AXES, *SHEET, *READING),
    ),
    "shift-test": (
        *(INPUTS, *map(of_window, MEASURED.params), _ops_of("shift-test"), *SHIFTING, *AXES),
        reworded(JSON, "One JSON object per op and shift."),
        *READING,
    ),
    "conform": (INPUTS, *map(of_window, SLIDING.params), *CONFORM, *READING),
    "ops": (
        argument("name", str | None, "[NAME]", "An op.", default=None, words=tuple(OPS)),
        reworded(JSON, "One JSON object per op."),
    ),
    "info": (
        *(INPUTS, *AXES, JSON, *SEARCH, *READING, MAX_PIXELS),
        switch("plugins", "List the formats and ops that plugins add.", "--plugins"),
    ),
    "completion": (argument("shell", Shell, "|".join(Shell), "Your shell."), *INSTALL),
}


def of_windows(op: Op, family: Family) -> list[inspect.Parameter]:
    """What places the windows of ``family`` for ``op``, and the op's own options."""
    cuts = op.weighs is not None
    params = (param for param in family.params if cuts or not param.cuts_cells)
    placing = [of_window(param, op.padding) for param in params]
    placing += DIVISION if family.slides and op.divides else ()
    taken = {parameter.name for parameter in placing}
    # A family's seed is the seed of an op that draws, too.
    return [*placing, *(of_op(param) for param in op.params if param.name not in taken)]


def of_pooling(op: Op, family: Family) -> Sequence[inspect.Parameter]:
    """What the command takes that pools by ``op`` with the windows of ``family``."""
    picks = op.winner is not None and not family.joins
    return [
        *(INPUTS, *of_windows(op, family)),
        *(WINNERS if picks else ()),
        *([SHARE] if op.share is not None and not family.joins else ()),
        *([LINEAR] if op.averages and not family.joins else ()),
        *([BY] if picks else ()),
        *(*AXES, *VALUES, MASK),
        *([WEIGHTS] if op.weighs is not None else ()),
        *(*OUTPUT, *PICTURES, THREADS, *BATCH, *READING),
    ]


def of_overviews(op: Op) -> Sequence[inspect.Parameter]:
    """What the command takes that writes overviews by ``op``."""
    own = map(of_op, op.params)
    return [
        *(INPUTS, *OVERVIEWS, *own, *AXES, *VALUES, *OUTPUT),
        *(MAX_PIXELS, THREADS, *BATCH, *READING),
    ]


def of_explaining(op: Op, family: Family) -> Sequence[inspect.Parameter]:
    """What the command takes that shows how ``op`` pools with the windows of ``family``."""
    return [INPUTS, *of_windows(op, family), *WHICH, *AXES, *VALUES, *READING]


def of_animating(op: Op, family: Family) -> Sequence[inspect.Parameter]:
    """What the command takes that writes how ``op`` pools with the windows of ``family``."""
    return [INPUTS, *of_windows(op, family), *ANIMATION, *AXES, *VALUES, *READING]


def every_option() -> Iterator[inspect.Parameter]:
    """The options of all commands; those of several commands come as often."""
    for parameters in TAKES.values():
        yield from parameters
    for op in OPS.values():
        yield from of_overviews(op)
    for family in FAMILIES.values():
        for op in OPS.values():
            yield from of_pooling(op, family)
            yield from of_explaining(op, family)
            yield from of_animating(op, family)
