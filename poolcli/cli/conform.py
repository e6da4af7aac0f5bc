"""The command that shows one window under each framework's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poolcli.cli import messages, options
from poolcli.cli.lazy import Entry, Values, build_command
from poolcli.errors import InputError, PoolError, UsageError

OP = options.option(
    "op", str, "What to pool by (default: max).", "--op", metavar="max|avg|lp", default="max"
)
NORM = options.option("norm", float | None, "Norm of lp (default: 2).", "--norm")
JSON = options.switch("as_json", "One JSON object per framework.", "--json")
LAYOUT = options.option(
    "layout",
    str | None,
    "Which axis is which: HW, HWC, CHW, NCHW, ... (default: what a picture file tells, else each "
    "framework's own).",
    "--layout",
    "-l",
    metavar="LETTERS",
)


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {
        "conform": Entry("compare one window under torch's, Keras's and ONNX's rules", _command)
    }


def _command() -> Any:
    parameters = [
        options.INPUTS,
        options.SIZE,
        options.STRIDE,
        options.padding(0),
        options.DILATION,
        options.CEIL,
        OP,
        NORM,
        LAYOUT,
        JSON,
        options.ARRAYS,
        options.MATRIX,
    ]
    return build_command(
        "conform",
        "Show what torch, Keras and ONNX make of the same window, which cells differ and why.\n\n"
        "What is not given is up to each framework.\n\n"
        "poolcli conform input.npy --size 3 --stride 2 --padding 1 --op avg",
        parameters,
        _conform,
    )


def _conform(values: Values) -> int:
    if values["size"] is None:
        raise UsageError("conform needs a window size: --size 2, --size 2x3")
    from poolcli.cli.running import find_sources
    from poolcli.geometry import Sliding
    from poolcli.notation import parse_counts, parse_padding

    stride, padding = values["stride"], values["padding"]
    windows = Sliding(
        parse_counts(values["size"], "--size"),
        None if stride is None else parse_counts(stride, "--stride"),
        None if padding is None else parse_padding(padding),
        parse_counts(values["dilation"], "--dilation"),
        values["ceil_mode"],
    )
    failed = False
    for source in find_sources(values):
        try:
            for loaded in source.read():
                if loaded.beside:
                    messages.hint(f"{loaded.label}: left out, of 0 or 1 axes beside larger arrays")
                else:
                    _show(loaded, windows, values)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(source.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _show(loaded: Any, windows: Any, values: Values) -> None:
    from poolcli.conform import compare
    from poolcli.report import comparison

    array = loaded.array
    try:
        verdicts = compare(
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
        for line in comparison.comparison_lines(loaded.label, verdicts):
            print(line, file=stream)
    else:
        comparison.show_comparison(loaded.label, verdicts, stream=stream, terminal=stream.isatty())
    stream.flush()
