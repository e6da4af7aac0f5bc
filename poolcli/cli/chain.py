"""The command that pools by several stages, one after another."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from poolcli.cli import batch_options, options
from poolcli.cli.lazy import Entry, Values, build_command

STAGES = inspect.Parameter(
    "stages",
    inspect.Parameter.KEYWORD_ONLY,
    annotation=Annotated[
        str,
        typer.Argument(metavar="STAGES", help='"max 3/2 p1 | avg 2 | global avg"'),
    ],
)
GRAMMAR = (
    "A stage is OP SIZE[/STRIDE] [pPADDING] [dDILATION] [ceil], global OP [keep], adaptive OP "
    "OUTPUT_SIZE, fractional OP OUTPUT_SIZE [size=SIZE] [seed=N] or pyramid OP LEVELS, and then "
    "the op's own parameters as NAME=VALUE; avg also takes divisor=N and count-include-pad."
)


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {"chain": Entry('pool by several stages: chain "max 2 | avg 2" INPUT...', _command)}


def _command() -> Any:
    parameters = [
        STAGES,
        options.INPUTS,
        *options.AXES,
        *options.VALUES,
        *options.OUTPUT,
        options.THREADS,
        *batch_options.BATCH,
        options.ARRAYS,
        options.MATRIX,
    ]
    example = 'poolcli chain "max 3/2 p1 | avg 2 | global avg" input.npy'
    help = (
        "Pool by several stages, one after another.\n\n"
        f"{GRAMMAR} --nan, --nodata and --min-valid hold for every stage.\n\n{example}"
    )
    return build_command("chain", help, parameters, _chain)


def _chain(values: Values) -> int:
    from dataclasses import replace

    from poolcli.chains import parse_chain
    from poolcli.cli.running import least_valid, run
    from poolcli.cli.variables import read_defaults

    chain = parse_chain(
        values["stages"],
        layout=values["layout"],
        like=read_defaults(values["like"]).like,
        nan=values["nan"].value,
        nodata=values["nodata"],
        min_valid=least_valid(values),
        threads=values["threads"],
    )
    fit = "clip" if values["clip"] else "exact"
    return run(replace(chain, dtype=values["dtype"], fit=fit), values)
