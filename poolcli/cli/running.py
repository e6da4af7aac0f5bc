"""From option values to results on standard output or in files."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from poolcli import batch, report
from poolcli.cli import messages
from poolcli.cli.lazy import Values
from poolcli.errors import PoolError, UsageError
from poolcli.geometry import Geometry
from poolcli.layout import Layout
from poolcli.plan import Request

if TYPE_CHECKING:
    from poolcli.ops import Op


def pool_inputs(op: Op, geometry: Geometry, values: Values) -> int:
    """Pool every input, show or write each result, and give the exit code."""
    request = Request(
        op=op.name,
        geometry=geometry,
        layout=values["layout"],
        nan=values["nan"].value,
        nodata=values["nodata"],
        count_include_pad=values.get("count_include_pad"),
        divisor=values.get("divisor"),
        dtype=values["dtype"],
        fit="clip" if values["clip"] else "exact",
        keepdims=values.get("keepdims", True),
        threads=values["threads"],
        params={p.name: values[p.name] for p in op.params if values[p.name] is not None},
    )
    format = values["format"]
    if format is not None:
        format = "." + format.lower().removeprefix(".")
    target = batch.Target(values["output"], format, values["overwrite"])
    _refuse_contradictions(values, target)
    jobs = batch.assign(find_sources(values), target)
    failed = False
    for outcome in batch.run(jobs, request, default_layouts()):
        if isinstance(outcome, PoolError):
            messages.complain(outcome)
            failed = True
        else:
            _show(outcome, values)
    return 1 if failed else 0


def find_sources(values: Values) -> list[batch.Source]:
    """Give every input that was named or typed."""
    sources = batch.find_sources(values["inputs"] or [], values["matrix"] or [])
    if not sources:
        raise UsageError('no input: name a file or folder, - for standard input, or --matrix "1 2"')
    return sources


def default_layouts() -> dict[int, str]:
    """Read ``POOLCLI_LAYOUT``: layouts to assume, comma-separated, by their number of axes."""
    layouts = {}
    for letters in filter(None, os.environ.get("POOLCLI_LAYOUT", "").upper().split(",")):
        try:
            layouts[len(letters.strip())] = Layout(letters.strip()).letters
        except UsageError as error:
            raise UsageError(f"variable POOLCLI_LAYOUT: {error}") from None
    return layouts


def _refuse_contradictions(values: Values, target: batch.Target) -> None:
    if target.is_stdout:
        if values["as_json"]:
            raise UsageError("--json and -o - both want standard output; write to a file instead")
        if target.is_binary and sys.stdout is not None and sys.stdout.isatty():
            raise UsageError("-o - would write binary to the terminal; redirect it or use -o FILE")
    if target.output is None and values["format"] is not None:
        raise UsageError("--format says how to write: it needs --output")
    if values["clip"] and values["dtype"] is None and not target.may_be_picture:
        raise UsageError("--clip needs something to fit: --dtype, or a picture as --output")


def _show(result: report.Result, values: Values) -> None:
    quiet = values["quiet"]
    if result.plan.hint is not None and not quiet:
        messages.hint(result.plan.hint)
    if values["as_json"]:
        print(report.json_line(result), file=messages.results(), flush=True)
    elif result.written is None:
        stream = messages.results()
        report.show(
            result,
            stream=stream,
            terminal=stream.isatty(),
            full=values["full"],
            preview=not values["no_preview"],
        )
    elif result.written != batch.STDOUT and not quiet and sys.stderr is not None:
        report.show(result, stream=sys.stderr, terminal=sys.stderr.isatty(), preview=False)
