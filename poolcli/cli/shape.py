"""The command that tells what a chain does to a shape, without any array."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from poolcli.cli import messages, takes
from poolcli.cli.chain import GRAMMAR
from poolcli.cli.command import Command, Values, build_command
from poolcli.errors import PoolError, UsageError

if TYPE_CHECKING:
    from poolcli.analysis.network import Network
    from poolcli.analysis.summary import Row
    from poolcli.chains import Chain

LAYERS = (
    "Between poolings there may be layers with weights, whose number and multiply-adds are then "
    "counted: conv SIZE[/STRIDE] xFILTERS [pPADDING] [dDILATION] [groups=N] [bias], flatten, and "
    "dense UNITS [bias] after flatten or global."
)


def build() -> Command:
    """Make the command."""
    help = (
        "Show what each stage of a chain does to a shape: what comes out, how many cells of the "
        "input a value depends on (field) and how far such cells lie apart (jump), along each "
        "axis, the rows and columns that no window covers, and the share of values kept. Where a "
        "stage cannot be, the stages before it are shown, and an error says why.\n\n"
        f"{GRAMMAR}\n\n{LAYERS}"
    )
    return build_command("shape", help, takes.TAKES["shape"], _shape)


def _shape(values: Values) -> int:
    from poolcli.analysis.network import parse_network
    from poolcli.chain_syntax import parse_chain
    from poolcli.cli.env import read_defaults
    from poolcli.notation import parse_counts

    if values["code"] is not None and values["as_json"]:
        raise UsageError("--code prints code and --json a table; choose one")
    if os.path.isfile(values["shape"]):
        raise UsageError(
            f"{values['shape']}: is a file, and a shape such as 1x64x56x56 is meant; poolcli info "
            "tells that of a file"
        )
    counts = parse_counts(_as_counts(values["shape"]), "shape")
    shape = counts if isinstance(counts, tuple) else (counts,)
    defaults = read_defaults(values["like"])
    asked = {"layout": values["layout"], "like": defaults.like}
    layout = defaults.layouts.get(len(shape))
    try:
        if values["code"] is not None:
            chain = parse_chain(values["stages"], **asked)
            _print_code(chain, shape, layout, values["code"])
        else:
            _print_table(parse_network(values["stages"], **asked), shape, layout, values)
    except PoolError as error:
        # There is no input that could be at fault: what was asked for cannot be.
        raise UsageError(str(error)) from error
    return 0


def _as_counts(text: str) -> str:
    """A shape as sizes are written, of one that was pasted from Python.

    >>> _as_counts("torch.Size([1, 64, 56, 56])"), _as_counts("1x64x56x56")
    ('1x64x56x56', '1x64x56x56')
    """
    return "x".join(re.split(r"[\s,]+", text.removeprefix("torch.Size").strip("()[] ,")))


def _print_code(chain: Chain, shape: tuple[int, ...], layout: str | None, framework: str) -> None:
    import numpy as np

    from poolcli.analysis.code import write_code

    plan = chain.plan(shape, np.dtype(np.float32), layout)
    _warn_of(plan.warning)
    print(write_code(plan, framework), end="", file=messages.results())


def _print_table(
    network: Network, shape: tuple[int, ...], layout: str | None, values: Values
) -> None:
    """Print the rows; before an error those of the stages that can be, which show where it is."""
    from poolcli.analysis.summary import rows
    from poolcli.layout import Layout, doubtful

    found: list[Row] = []
    failure = None
    try:
        found.extend(rows(network, shape, layout))
    except PoolError as error:
        failure = error
    if found and not (network.layout or layout or network.like):
        _warn_of(doubtful(Layout(found[0].layout), shape))
    _print_rows(found, values["as_json"])
    if failure is not None:
        said = f"{failure}; shown is what comes before it" if found else str(failure)
        raise UsageError(said) from failure
    if not values["as_json"]:
        _warn(found)


def _print_rows(rows: list[Row], as_json: bool) -> None:
    from poolcli.report import shape

    if not rows:
        return
    stream = messages.results()
    if as_json:
        for line in shape.table_lines(rows):
            print(line, file=stream)
        return
    shape.show_table(rows, stream=stream, terminal=stream.isatty())
    stream.flush()


def _warn(rows: list[Row]) -> None:
    for number, row in enumerate(rows):
        for warning in row.warnings:
            messages.warn(f'stage {number} "{row.stage}": {warning}')


def _warn_of(text: str | None) -> None:
    if text is not None:
        messages.warn(text)
