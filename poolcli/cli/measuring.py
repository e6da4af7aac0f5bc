"""What the commands share that measure several ops on the same windows of an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.cli.command_options import MEASURED
from poolcli.errors import InputError, PoolError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.formats.base import Source
    from poolcli.geometry import Sliding
    from poolcli.request import Request


def windows_of(values: Values) -> Sliding:
    """Give the windows that are asked for."""
    from poolcli.cli import requests
    from poolcli.geometry import Sliding

    read = requests.windows_of(MEASURED, values, "compare")
    return Sliding(**{"size": 2} | {name: v for name, v in read.items() if v is not None})


def requests_of(values: Values, command: str) -> list[Request]:
    """Give one request for each op that ``command`` compares, or that was named.

    Raises UsageError for an op that there is not.
    """
    from poolcli.cli.env import read_defaults
    from poolcli.ops import find_op, shown_by_default
    from poolcli.request import Request

    windows = windows_of(values)
    if values["ops"] is None:
        size = windows.size if isinstance(windows.size, tuple) else (windows.size,)
        names = [op.name for op in shown_by_default(command) if max(size) >= op.least_size]
    else:
        names = [name.strip() for name in values["ops"].split(",")]
    if "" in names:
        raise UsageError(f"--ops {values['ops']}: names of ops with commas between them are meant")
    like = read_defaults(values["like"]).like
    return [
        Request(name, windows, layout=values["layout"], like=like)
        for name in dict.fromkeys(find_op(name).name for name in names)
    ]


def layout_of(loaded: Source, values: Values) -> str | None:
    """Give the layout that holds where ``--layout`` says nothing."""
    from poolcli.cli.env import read_defaults

    return loaded.layout or read_defaults(values["like"]).layouts.get(len(loaded.shape))


def each_input(values: Values, show: Callable[[Source], bool]) -> int:
    """Show every input, complaining of those that cannot be; give the exit code.

    ``show`` tells whether all went well.
    """
    from poolcli.cli.requests import find_inputs

    failed = False
    for item in find_inputs(values):
        try:
            for loaded in item.read():
                if loaded.beside:
                    messages.hint(f"{loaded.label}: left out, of 0 or 1 axes beside larger arrays")
                elif not _labelled(show, loaded):
                    failed = True
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(item.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _labelled(show: Callable[[Source], bool], loaded: Source) -> bool:
    try:
        return show(loaded)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error


def refuse_or_leave_out(refused: Sequence[Any], label: str, values: Values) -> bool:
    """Tell of ops that cannot pool an input, and whether that is well.

    Ops that were named must; of those that are there by default it is only said.
    """
    for op, error in refused:
        if values["ops"] is None:
            messages.hint(f"{label}: left out is {op}: {error}")
        else:
            messages.complain_of_input(
                label, InputError(f"{label}: {op}: {error}"), as_json=values["as_json"]
            )
    return not refused or values["ops"] is None


def array_of(loaded: Source) -> NDArray[Any]:
    """Give the array to be measured, in which what the file calls missing is NaN."""
    import numpy as np

    x = loaded.array
    if loaded.nodata is not None and not np.isnan(loaded.nodata):
        x = np.where(x == loaded.nodata, np.nan, x.astype(np.float64))
    missing = int(np.isnan(x).sum()) if x.dtype.kind == "f" else 0
    if missing:
        said = f"{missing} of {x.size} cells are NaN or missing, and windows with one are left out"
        messages.hint(f"{loaded.label}: {said}")
    return x


def check_memory(loaded: Source, copies: int) -> None:
    """Refuse an input of which so many copies as float64 do not fit in memory."""
    import math

    from poolcli import formats

    nbytes = copies * 8 * math.prod(loaded.shape)
    advice = "; pool it first, or measure a part of it"
    formats.check_memory(nbytes, None, "measuring it", advice)
