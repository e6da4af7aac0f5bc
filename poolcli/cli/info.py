"""The commands that tell rather than pool: which ops there are, and what an input is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from poolcli.cli import messages, options
from poolcli.cli.command import Entry, Values, build_command
from poolcli.cli.ops import _ops_command
from poolcli.errors import InputError, PoolError, UsageError


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {
        "ops": Entry("list the ops with formula and source, or show one: ops NAME", _ops_command),
        "info": Entry("show the shape, type and layout of inputs", _info_command),
    }


def _info_command() -> Any:
    parameters = [
        options.INPUTS,
        *options.AXES,
        options.JSON,
        options.RECURSIVE,
        options.FILES_FROM,
        options.MATRIX,
    ]
    return build_command(
        "info", "Show the shape, type and layout that inputs would be read with.", parameters, _info
    )


def _info(values: Values) -> int:
    from poolcli.batch.inputs import Search
    from poolcli.cli.runner import find_sources

    failed = False
    for source in find_sources(values, Search(values["recursive"])):
        try:
            for loaded in source.read():
                record = _facts(loaded, values)
                line = _json(record) if values["as_json"] else _line(record)
                print(line, file=messages.results(), flush=True)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(source.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _facts(loaded: Any, values: Values) -> dict[str, Any]:
    from poolcli.cli.env import read_defaults
    from poolcli.frameworks.defaults import find_preset
    from poolcli.layout import channels_first_hint, find_layout

    # Of an array that is still on disk no value is needed.
    shape, defaults = loaded.shape, read_defaults(values["like"])
    known = values["layout"]
    if known is None:
        known = loaded.layout or defaults.layouts.get(len(shape))
    try:
        found = find_layout(known, shape, find_preset(defaults.like).layouts)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    guessed = known is None and defaults.like is None
    if guessed and (hint := channels_first_hint(found, shape)):
        messages.hint(hint)
    return {
        "label": loaded.label,
        "shape": list(shape),
        "dtype": str(loaded.content.dtype),
        "layout": found.letters,
        "kind": loaded.kind,
    }


def _json(record: Mapping[str, Any]) -> str:
    import json

    from poolcli import report

    return json.dumps({**record, "label": report.text(record["label"])})


def _line(record: Mapping[str, Any]) -> str:
    from poolcli import report

    label, shape = report.safe(record["label"]), "x".join(map(str, record["shape"]))
    return f"{label}: {shape} {record['layout']} {record['dtype']} ({record['kind']})"
