"""The command that shows one window under each framework's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.families import SLIDING
from poolcli.frameworks.table import titles

if TYPE_CHECKING:
    from poolcli.formats.base import Source


def build() -> Command:
    """Make the command."""
    return build_command(
        "conform",
        f"Say whether {titles()} agree on the same window, which cells differ and why.\n\n"
        "What is not given is up to each framework.",
        takes.TAKES["conform"],
        _conform,
    )


def _conform(values: Values) -> int:
    from poolcli.cli.requests import find_inputs, windows_of

    windows = SLIDING.make_geometry(windows_of(SLIDING, values, "conform"))

    failed = False
    for item in find_inputs(values):
        try:
            for loaded in item.read():
                if loaded.info.beside:
                    messages.hint(f"{loaded.label}: left out, of 0 or 1 axes beside larger arrays")
                else:
                    _show(loaded, windows, values)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(item.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _show(loaded: Source, windows: Any, values: Values) -> None:
    from poolcli.analysis.conform import compare
    from poolcli.report import conform

    array = loaded.array
    try:
        comparisons = compare(
            array,
            values["op"],
            windows,
            layout=loaded.layout if values["layout"] is None else values["layout"],
            params={} if values["norm"] is None else {"norm": values["norm"]},
        )
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    stream = messages.results()
    if values["as_json"]:
        lines = conform.comparison_lines(
            loaded.label, comparisons, values=not values["no_preview"] and not values["quiet"]
        )
        for line in lines:
            print(line, file=stream)
    else:
        conform.show_comparison(
            loaded.label,
            comparisons,
            stream=stream,
            terminal=stream.isatty(),
            values=not values["no_preview"],
            reasons=not values["quiet"],
        )
    stream.flush()
