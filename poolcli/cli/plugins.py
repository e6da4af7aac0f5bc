"""What is installed beside poolcli: the list that ``poolcli info --plugins`` prints."""

from __future__ import annotations

from typing import Any

from poolcli import ops
from poolcli.cli import messages
from poolcli.cli.command import Values
from poolcli.errors import UsageError
from poolcli.formats import table
from poolcli.plugins import Offer, offers


def list_plugins(values: Values) -> int:
    """Print a line for each plugin, and complain of those that are refused; give the exit code."""
    if values["inputs"] or values["files_from"] or values["matrix"]:
        raise UsageError("--plugins lists what is installed, and takes no input")
    found = [*offers("format", table.refused), *offers("op", ops.refused)]
    for offer in found:
        if values["as_json"]:
            print(_json(offer), file=messages.results())
        elif offer.problem is None:
            print(_line(offer), file=messages.results())
        if offer.problem is not None:
            messages.complain(UsageError(offer.problem))
    if not found and not values["as_json"]:
        messages.hint("no plugins are installed")
    return 1 if any(offer.problem for offer in found) else 0


def _line(offer: Offer) -> str:
    plugin, row = offer.plugin, offer.row
    said = " ".join(row.extensions) if plugin.kind == "format" else row.summary
    return f"{plugin.kind} {plugin.name}: {said} ({plugin.distribution} {plugin.version})"


def _json(offer: Offer) -> str:
    import json

    plugin, row = offer.plugin, offer.row
    record: dict[str, Any] = {
        "plugin": plugin.kind,
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
    }
    if row is None:
        record["error"] = messages.as_typed(str(offer.problem))
    elif plugin.kind == "format":
        record["extensions"] = list(row.extensions)
    else:
        record |= {"summary": row.summary, "formula": row.formula, "source": row.source}
    return json.dumps(record, allow_nan=False)
