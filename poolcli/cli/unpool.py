"""The command that puts pooled values back where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poolcli.cli import options
from poolcli.cli.command import Entry, Values, build_command
from poolcli.errors import InputError, UsageError
from poolcli.families import FAMILIES, SLIDING

# Of the pooling: where it slid windows, their numbers; for other windows what was pooled.
WINDOWS = (
    *(param for param in SLIDING.params if param.name in ("size", "stride", "padding")),
    *FAMILIES["adaptive"].params,
)

OPTIONS = (
    options.INDICES_TO_READ,
    *map(options.of_window, WINDOWS),
    options.INDEX,
)


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {"unpool": Entry("put values back to the positions that --indices gave", _command)}


def _command() -> Any:
    parameters = [
        options.INPUTS,
        *OPTIONS,
        *options.AXES,
        *options.TYPES,
        *options.OUTPUT,
        options.ARRAYS,
        options.MATRIX,
    ]
    return build_command(
        "unpool",
        "Put values back where they were before pooling, and 0 everywhere else.\n\n"
        "The size before pooling follows from sliding windows; after global, adaptive or "
        "fractional pooling --output-size says it, without --size.\n\n"
        "poolcli unpool pooled.npy --indices i.npy --size 2",
        parameters,
        _unpool,
    )


def _unpool(values: Values) -> int:
    from poolcli.cli.runner import run

    asked, sources = ask(values)
    return run(asked, {**values, "indices": None, "index": None}, sources)


def ask(values: Values) -> tuple[Any, list[Any]]:
    """Give what is asked for, and the one source of values."""
    if values["indices"] is None:
        raise UsageError(
            "unpool needs positions: --indices i.npy, as pooling with --indices wrote them"
        )
    if values["size"] is None and values["output_size"] is None:
        raise UsageError(
            "unpool needs the window size of the pooling: --size 2; or, for other windows, the "
            "size of what was pooled: --output-size 240x320"
        )
    from poolcli.cli.env import read_defaults
    from poolcli.cli.runner import find_sources
    from poolcli.unpooling import Unpool

    windows = {
        param.name: param.read(values[param.name], options.long_flag(param))
        for param in WINDOWS
        if values[param.name] is not None
    }
    sources = find_sources({**values, "inputs": [*(values["inputs"] or []), values["indices"]]})
    if len(sources) != 2 or any(source.from_folder for source in sources):
        raise UsageError("unpool takes one input and one file of positions")
    positions = sources.pop()
    array = _only_array(positions)
    try:
        asked = Unpool(
            array,
            **windows,
            layout=values["layout"],
            like=read_defaults(values["like"]).like,
            index=values["index"],
            dtype=values["dtype"],
            fit="clip" if values["clip"] else "exact",
        )
    except InputError as error:
        raise InputError(f"{positions.label}: {error}") from error
    return asked, sources


def _only_array(source: Any) -> Any:
    arrays = source.read()
    loaded = next(arrays)
    if next(arrays, None) is not None:
        raise InputError(f"{source.label}: holds several arrays; name one, such as FILE.npz:name")
    return loaded.array
