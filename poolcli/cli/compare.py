"""The command that shows several ops side by side on the same windows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.cli.measuring import (
    array_of,
    check_memory,
    each_input,
    layout_of,
    refuse_or_leave_out,
    requests_of,
)
from poolcli.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from poolcli.analysis.compare import Measurement
    from poolcli.formats.base import Source
    from poolcli.request import Request

COPIES = 12  # of the input, as float64, that there are at the most at once


def build() -> Command:
    """Make the command."""
    return build_command(
        "compare",
        "Show what several ops make of the same windows: the values that come out, what is lost of "
        "the input (PSNR and SSIM of outputs put back in place, strong cells that are still seen), "
        "and what one outlier and noise do to it.",
        takes.TAKES["compare"],
        _compare,
    )


def _compare(values: Values) -> int:
    requests = requests_of(values, "compare")
    _check_sheet(values)
    return each_input(values, partial(_show, requests, values))


def _check_sheet(values: Values) -> None:
    """Refuse a sheet that cannot be written before anything is done."""
    if values["output"] is None:
        if values["overwrite"]:
            raise UsageError("--overwrite is for the sheet that -o FILE writes")
        return
    from poolcli import batch
    from poolcli.cli.requests import find_inputs
    from poolcli.formats.table import PICTURES

    target = batch.Target(values["output"], overwrite=values["overwrite"])
    extension = values["output"].rpartition(".")[2].lower()
    if target.is_stdout or target.is_folder or f".{extension}" not in PICTURES:
        raise UsageError(f"-o {values['output']}: a sheet is a picture; name it, such as sheet.png")
    batch.check_target(target)
    inputs = find_inputs(values)
    if batch.is_many(inputs):
        raise UsageError(f"-o {values['output']}: one sheet for several inputs; name one of them")
    batch.assign(inputs, target)


def _show(requests: Sequence[Request], values: Values, loaded: Source) -> bool:
    from poolcli.analysis.compare import Measurement, compare
    from poolcli.report import compare as report

    draws = values["output"] is not None
    check_memory(loaded, COPIES + len(requests) * draws)
    layout = layout_of(loaded, values)
    x = array_of(loaded)
    rows = list(compare(x, requests, layout, outputs=draws))
    found = [row for row in rows if isinstance(row, Measurement)]
    refused = [row for row in rows if not isinstance(row, Measurement)]
    if not found:
        raise InputError(f"{refused[0].op}: {refused[0].error}")
    if (warning := found[0].plan.warning) is not None:
        messages.warn(f"{loaded.label}: {warning}")
    stream = messages.results()
    if values["as_json"]:
        for line in report.compared_lines(loaded.label, found):
            print(line, file=stream)
    else:
        report.show_compared(loaded.label, found, stream=stream, terminal=stream.isatty())
    stream.flush()
    if draws:
        _write_sheet(loaded.label, x, found, values)
    return refuse_or_leave_out(refused, loaded.label, values)


def _write_sheet(label: str, x: NDArray[Any], found: Sequence[Measurement], values: Values) -> None:
    from poolcli import formats
    from poolcli.report.sheet import draw_sheet

    path = values["output"]
    pixels = draw_sheet(label, x, found)
    formats.make_folder_of(path)
    formats.write_file(path, pixels, layout="HWC", overwrite=values["overwrite"])
    messages.summary(f"sheet written to {path}")
