"""The command that tells what an input is."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.errors import InputError, PoolError, UsageError

if TYPE_CHECKING:
    from poolcli.batch.inputs import Input
    from poolcli.formats.base import SourceInfo


def build() -> Command:
    """Make the command."""
    help = "Show the shape, type and layout that inputs would be read with."
    return build_command("info", help, takes.TAKES["info"], _info)


def _info(values: Values) -> int:
    if values["plugins"]:
        from poolcli.cli.plugins import list_plugins  # late: most ask for inputs

        return list_plugins(values)
    from poolcli.batch.inputs import Search
    from poolcli.cli.requests import find_inputs

    failed = False
    for item in find_inputs(values, Search(values["recursive"])):
        try:
            for described in _described(item, values):
                record = _facts(described, values)
                line = _json(record) if values["as_json"] else _line(record)
                print(line, file=messages.results(), flush=True)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(item.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _described(item: Input, values: Values) -> Iterator[SourceInfo]:
    """Describe the arrays of a source by their headers; what has none is read."""
    from poolcli.formats.settings import Reading

    limit = values["max_pixels"]
    if not item.members.patterns:
        every = item.members._replace(every=True)
        item = item.reading(every, item.dialect)
    # Nothing is decoded, so that no size is too large unless somebody says so.
    file = item.open(Reading(max_pixels=limit or sys.maxsize))
    if not file.has_header and item.is_stored and limit is None:
        file.close()
        file = item.open()
    yield from (found.info for found in file.sources())
    file.close()


def _facts(info: SourceInfo, values: Values) -> dict[str, Any]:
    from poolcli.cli.env import read_defaults
    from poolcli.frameworks.defaults import find_preset
    from poolcli.layout import doubtful, find_layout

    facts = {"label": info.label, "shape": list(info.shape), "dtype": str(info.dtype)}
    if info.beside:
        return {**facts, "layout": "", "kind": info.kind, "warnings": []}
    shape, defaults = info.shape, read_defaults(values["like"])
    known = values["layout"]
    if known is None:
        known = info.layout or defaults.layouts.get(len(shape))
    try:
        found = find_layout(known, shape, find_preset(defaults.like).layouts)
    except InputError as error:
        raise InputError(f"{info.label}: {error}") from error
    doubt = doubtful(found, shape) if known is None and defaults.like is None else None
    if doubt is not None:
        messages.warn(f"{info.label}: {doubt}")
    warnings = [] if doubt is None else [messages.as_typed(doubt)]
    facts |= {"layout": found.letters, "kind": info.kind, "warnings": warnings}
    return facts if info.nodata is None else {**facts, "nodata": info.nodata}


def _json(record: Mapping[str, Any]) -> str:
    import json

    from poolcli import report

    record = {**record, "label": report.text(record["label"])}
    if isinstance(record.get("nodata"), float):
        record["nodata"] = report.plain_number(record["nodata"])
    return json.dumps(record, allow_nan=False)


def _line(record: Mapping[str, Any]) -> str:
    from poolcli import report

    label, shape = report.safe(record["label"]), "x".join(map(str, record["shape"]))
    nodata = f", nodata {record['nodata']}" if "nodata" in record else ""
    if not record["layout"]:
        return (
            f"{label}: {shape or 'scalar'} {record['dtype']} ({record['kind']}, goes on as it is)"
        )
    return f"{label}: {shape} {record['layout']} {record['dtype']} ({record['kind']}{nodata})"
