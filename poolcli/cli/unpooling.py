"""The command that puts pooled values back where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poolcli.cli import options
from poolcli.cli.lazy import Entry, Values, build_command
from poolcli.cli.values import parse_counts, parse_padding
from poolcli.errors import InputError, UsageError


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {"unpool": Entry("put values back to the positions that --indices gave", _command)}


def _command() -> Any:
    parameters = [
        options.INPUTS,
        options.INDICES_TO_READ,
        options.SIZE,
        options.STRIDE,
        options.padding(0),
        options.OUTPUT_SIZE,
        options.INDEX,
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
    if values["indices"] is None:
        raise UsageError(
            "unpool needs positions: --indices i.npy, as pooling with --indices wrote them"
        )
    if values["size"] is None and values["output_size"] is None:
        raise UsageError(
            "unpool needs the window size of the pooling: --size 2; or, for other windows, the "
            "size of what was pooled: --output-size 240x320"
        )
    from poolcli.cli.running import find_sources, run
    from poolcli.cli.variables import read_defaults
    from poolcli.unpooling import Unpool

    size, stride = values["size"], values["stride"]
    padding, output_size = values["padding"], values["output_size"]
    sources = find_sources({**values, "inputs": [*(values["inputs"] or []), values["indices"]]})
    if len(sources) != 2 or any(source.from_folder for source in sources):
        raise UsageError("unpool takes one input and one file of positions")
    positions = sources.pop()
    array = _only_array(positions)
    try:
        asked = Unpool(
            array,
            None if size is None else parse_counts(size, "--size"),
            None if stride is None else parse_counts(stride, "--stride"),
            0 if padding is None else parse_padding(padding),
            None if output_size is None else parse_counts(output_size, "--output-size"),
            layout=values["layout"],
            like=read_defaults(values["like"]).like,
            index=values["index"],
            dtype=values["dtype"],
            fit="clip" if values["clip"] else "exact",
        )
    except InputError as error:
        raise InputError(f"{positions.label}: {error}") from error
    return run(asked, {**values, "indices": None, "index": None}, sources)


def _only_array(source: Any) -> Any:
    arrays = source.read()
    loaded = next(arrays)
    if next(arrays, None) is not None:
        raise InputError(f"{source.label}: holds several arrays; name one, such as FILE.npz:name")
    return loaded.array
