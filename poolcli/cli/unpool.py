"""The command that puts pooled values back where they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poolcli.cli import takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.cli.command_options import UNPOOL_WINDOWS
from poolcli.errors import InputError, UsageError

if TYPE_CHECKING:
    from poolcli.batch.inputs import Input
    from poolcli.unpooling import Unpool


def build() -> Command:
    """Make the command."""
    return build_command(
        "unpool",
        "Put values back where they were before pooling, and 0 everywhere else.\n\n"
        "The size before pooling follows from sliding windows; after global, adaptive or "
        "fractional pooling --output-size says it, without --size.",
        takes.TAKES["unpool"],
        _unpool,
    )


def _unpool(values: Values) -> int:
    from poolcli.cli.runner import run

    operation, inputs = read_unpool(values)
    return run(operation, {**values, "indices": None, "index": None}, inputs)


def read_unpool(values: Values) -> tuple[Unpool, list[Input]]:
    """Give the operation, and the one source of values."""
    if values["indices"] is None:
        raise UsageError(
            "unpool needs positions: --indices i.npy, as pooling with --indices wrote them"
        )
    if values["size"] is None and values["output_size"] is None:
        raise UsageError(
            "unpool needs the window size of the pooling: --size 2; or, for other windows, the "
            "size of what was pooled: --output-size 240x320"
        )
    from poolcli.cli.requests import find_inputs, named_inputs, only_array, unpool_of

    inputs = find_inputs({**values, "inputs": [*named_inputs(values), values["indices"]]})
    if len(inputs) != 2 or any(item.from_folder for item in inputs):
        raise UsageError("unpool takes one input and one file of positions")
    positions = inputs.pop()
    array = only_array(positions)
    try:
        operation = unpool_of(values, array, UNPOOL_WINDOWS)
    except InputError as error:
        raise InputError(f"{positions.label}: {error}") from error
    return operation, inputs
