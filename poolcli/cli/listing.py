"""The commands that tell rather than pool: which ops there are, and what an input is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poolcli.cli import messages, options
from poolcli.cli.lazy import Entry, Values, build_command
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.ops import OPS


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {
        "ops": Entry("list the ops with formula and source", _ops_command),
        "info": Entry("show the shape, type and layout of inputs", _info_command),
    }


def _ops_command() -> Any:
    return build_command("ops", "List the ops with formula and source.", [], _ops)


def _ops(_values: Values) -> int:
    names = {", ".join((op.name, *op.aliases)): op for op in OPS.values()}
    width = max(map(len, names))
    for name, op in names.items():
        print(f"{name:{width}}  {op.summary}", file=messages.results())
        print(f"{'':{width}}  {op.formula}  ({op.source})", file=messages.results())
    return 0


def _info_command() -> Any:
    parameters = [options.INPUTS, options.LAYOUT, options.JSON, options.MATRIX]
    return build_command(
        "info", "Show the shape, type and layout that inputs would be read with.", parameters, _info
    )


def _info(values: Values) -> int:
    import json

    from poolcli.cli.running import default_layouts, find_sources

    defaults = default_layouts()
    failed = False
    for source in find_sources(values):
        try:
            for loaded in source.read():
                record = _facts(loaded, values["layout"], defaults)
                line = json.dumps(record) if values["as_json"] else _line(record)
                print(line, file=messages.results(), flush=True)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain(error)
            failed = True
    return 1 if failed else 0


def _facts(loaded: Any, layout: str | None, defaults: Mapping[int, str]) -> dict[str, Any]:
    from poolcli import report
    from poolcli.layout import channels_first_hint, find_layout

    array = loaded.array
    known = layout or loaded.layout or defaults.get(array.ndim)
    try:
        found = find_layout(known, array.shape)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    if known is None and (hint := channels_first_hint(found, array.shape)):
        messages.hint(hint)
    return {
        "label": report.safe(loaded.label),
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "layout": found.letters,
        "kind": loaded.kind,
    }


def _line(record: Mapping[str, Any]) -> str:
    shape = "x".join(map(str, record["shape"]))
    return f"{record['label']}: {shape} {record['layout']} {record['dtype']} ({record['kind']})"
