"""The command that shows what stays and what moves when the input moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.cli.command_options import SHIFT_AXES
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

    from poolcli.formats.base import Source
    from poolcli.request import Request

COPIES = 12  # of the input, as float64, that there are at the most at once


def build() -> Command:
    """Make the command."""
    return build_command(
        "shift-test",
        "Show how much of the output stays the same when the input moves by a few cells, beside "
        "how much of the input does. Two parts of the input are pooled: without its last cells, "
        "and without its first.",
        takes.TAKES["shift-test"],
        _shift_test,
    )


def _shift_test(values: Values) -> int:
    if values["axis"] not in SHIFT_AXES:
        raise UsageError(f"--axis {values['axis']}: use {', '.join(SHIFT_AXES)}")
    shifts = None if values["shifts"] is None else _parse_shifts(values["shifts"])
    requests = requests_of(values, "shift-test")
    return each_input(values, partial(_show, requests, shifts, values))


def _parse_shifts(text: str) -> list[int]:
    from poolcli.notation import parse_counts

    shifts = [parse_counts(part, "--shifts") for part in text.split(",")]
    if not all(isinstance(shift, int) for shift in shifts):
        raise UsageError(f"--shifts {text}: numbers with commas between them are meant, as in 1,2")
    return list(dict.fromkeys(shift for shift in shifts if isinstance(shift, int)))


def _show(
    requests: Sequence[Request], shifts: list[int] | None, values: Values, loaded: Source
) -> bool:
    from poolcli.analysis.compare import Refused
    from poolcli.analysis.shift import shift_test
    from poolcli.report import shift as report

    check_memory(loaded, COPIES)
    layout = layout_of(loaded, values)
    rows = list(shift_test(array_of(loaded), requests, values["axis"], shifts, layout))
    found = [row for row in rows if not isinstance(row, Refused)]
    refused = [row for row in rows if isinstance(row, Refused)]
    plans = [row.plan for row in found if row.plan is not None]
    if not plans:
        raise InputError(f"{refused[0].op}: {refused[0].error}")
    if (warning := plans[0].warning) is not None:
        messages.warn(f"{loaded.label}: {warning}")
    stream = messages.results()
    if values["as_json"]:
        for line in report.shifted_lines(loaded.label, found):
            print(line, file=stream)
    else:
        report.show_shifted(
            loaded.label,
            loaded.shape,
            plans[0].layout,
            found,
            stream=stream,
            terminal=stream.isatty(),
        )
    stream.flush()
    return refuse_or_leave_out(refused, loaded.label, values)
