"""The commands that tell rather than pool: which ops there are, and what an input is."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from poolcli.cli import batch_options, messages, options, picture_options
from poolcli.cli.lazy import Entry, Values, build_command
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.ops import OPS, Op, find_op

if TYPE_CHECKING:
    from poolcli.batch import Source
    from poolcli.files import Described

GAP = "  "
NARROW = 60  # columns: in less, what stands side by side goes one below the other
OPS_JSON = options.switch("as_json", "One JSON object per op.", "--json")


def entries() -> Mapping[str, Entry]:
    """Give the commands of this module."""
    return {
        "ops": Entry("list the ops with formula and source, or show one: ops NAME", _ops_command),
        "info": Entry("show the shape, type and layout of inputs", _info_command),
    }


def _ops_command() -> Any:
    name = inspect.Parameter(
        "name",
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[
            str | None, typer.Argument(metavar="[NAME]", help="An op.", show_default=False)
        ],
    )
    return build_command(
        "ops",
        "List the ops with formula and source, or show everything about one.\n\n"
        "In a pipe each op is one line of name, aliases, summary, formula and source, with a tab "
        "between them.",
        [name, OPS_JSON],
        _ops,
    )


def _ops(values: Values) -> int:
    stream = messages.results()
    wanted = None if values["name"] is None else find_op(values["name"])
    lines: Iterator[str]
    if values["as_json"]:
        lines = (_op_json(op) for op in ([wanted] if wanted else OPS.values()))
    elif wanted is not None:
        lines = _everything(wanted, _columns() if stream.isatty() else None)
    elif stream.isatty():
        lines = _table()
    else:
        lines = ("\t".join(_row(op)) for op in OPS.values())
    for line in lines:
        print(line, file=stream)
    return 0


def _row(op: Op) -> tuple[str, ...]:
    return (op.name, ",".join(op.aliases), op.summary, op.formula, op.source)


def _columns() -> int:
    import shutil

    return shutil.get_terminal_size().columns


def _table() -> Iterator[str]:
    """Give the lines of a table that fits the terminal: long texts go on in the next line."""
    import textwrap

    width = _columns()
    if width < NARROW:
        for op in OPS.values():
            yield ", ".join((op.name, *op.aliases))
            for text in (op.summary, op.formula, op.source):
                yield from _wrapped(GAP, text, width)
        return
    rows = [(", ".join((op.name, *op.aliases)), *_row(op)[2:]) for op in OPS.values()]
    first = max(len(row[0]) for row in rows)
    rest = (width - first) // 3 - len(GAP)
    for row in [("op", "gives", "formula", "source"), ("-" * first, *["-" * rest] * 3), *rows]:
        cells = [[row[0]], *(textwrap.wrap(text, rest) for text in row[1:])]
        for number in range(max(map(len, cells))):
            parts = [cell[number] if number < len(cell) else "" for cell in cells]
            widths = (first, rest, rest, rest)
            padded = [part.ljust(width) for part, width in zip(parts, widths, strict=True)]
            yield GAP.join(padded).rstrip()


def _wrapped(start: str, text: str, width: int | None) -> list[str]:
    """Give a text in lines that fit; those after the first stand below where it begins."""
    import textwrap

    if width is None:
        return [start + text]
    inside = " " * (len(start) if len(start) < width // 2 else 2 * len(GAP))
    return textwrap.wrap(text, width, initial_indent=start, subsequent_indent=inside)


def _everything(op: Op, width: int | None) -> Iterator[str]:
    """Give the lines about one op, wrapped where there is a width."""
    from poolcli.cli.pooling import family_entries

    facts = [("formula", op.formula), ("source", op.source)]
    for param in op.params:
        said = f"{options.flag_of(param)}  {param.help} (default: {options.default_of(param)})"
        facts.append(("options", said))
    if op.divides:
        facts.append(("divisor", "--count-include-pad, --divisor"))
    if op.winner is not None:
        facts.append(("positions", "--indices, --index"))
    facts += [
        ("commands", f"poolcli {words} --help")
        for words in (op.name, *(f"{family} {op.name}" for family in family_entries()))
    ]
    yield from _wrapped("", f"{', '.join((op.name, *op.aliases))}: {op.summary}", width)
    above = ""
    for heading, text in facts:
        shown = heading if heading != above else ""
        if width is None or width >= NARROW:
            yield from _wrapped(f"{GAP}{shown:9}{GAP}", text, width)
        else:
            yield from [f"{GAP}{shown}"] if shown else []
            yield from _wrapped(2 * GAP, text, width)
        above = heading


def _op_json(op: Op) -> str:
    import json

    options_of_its_own = [
        {
            "name": param.name,
            "type": param.type.__name__,
            "default": param.default,
            "choices": list(param.choices) or None,
            "help": param.help,
        }
        for param in op.params
    ]
    record = {
        "op": op.name,
        "aliases": list(op.aliases),
        "summary": op.summary,
        "formula": op.formula,
        "source": op.source,
        "options": options_of_its_own,
        "divides": op.divides,
        "positions": op.winner is not None,
    }
    return json.dumps(record, allow_nan=False)


def _info_command() -> Any:
    parameters = [
        options.INPUTS,
        *options.AXES,
        options.JSON,
        batch_options.RECURSIVE,
        batch_options.FILES_FROM,
        options.MATRIX,
        options.ARRAYS,
        picture_options.MAX_PIXELS,
    ]
    return build_command(
        "info", "Show the shape, type and layout that inputs would be read with.", parameters, _info
    )


def _info(values: Values) -> int:
    from poolcli.batch import Search
    from poolcli.cli.running import find_sources

    failed = False
    for source in find_sources(values, Search(values["recursive"])):
        try:
            for described in _described(source, values):
                record = _facts(described, values)
                line = _json(record) if values["as_json"] else _line(record)
                print(line, file=messages.results(), flush=True)
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(source.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _described(source: Source, values: Values) -> Iterator[Described]:
    """Describe the arrays of a source by their headers; what has none is read."""
    from poolcli import files

    limit = values["max_pixels"]
    if source.is_stored:
        # Nothing is decoded, so that no size is too large unless somebody says so.
        pictures = files.PictureInput(limit or sys.maxsize)
        told = files.describe_by_header(str(source.path), pictures, source.members)
        if told is not None:
            yield from told
            return
    for loaded in source.read(pictures=files.PictureInput(limit)):
        yield files.described_as(loaded)


def _facts(loaded: Described, values: Values) -> dict[str, Any]:
    from poolcli.cli.variables import read_defaults
    from poolcli.layout import doubtful, find_layout
    from poolcli.presets import find_preset

    facts = {"label": loaded.label, "shape": list(loaded.shape), "dtype": str(loaded.dtype)}
    if loaded.beside:
        return {**facts, "layout": "", "kind": loaded.kind, "warnings": []}
    shape, defaults = loaded.shape, read_defaults(values["like"])
    known = values["layout"]
    if known is None:
        known = loaded.layout or defaults.layouts.get(len(shape))
    try:
        found = find_layout(known, shape, find_preset(defaults.like).layouts)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    doubt = doubtful(found, shape) if known is None and defaults.like is None else None
    if doubt is not None:
        messages.warn(f"{loaded.label}: {doubt}")
    warnings = [] if doubt is None else [doubt]
    facts |= {"layout": found.letters, "kind": loaded.kind, "warnings": warnings}
    return facts if loaded.nodata is None else {**facts, "nodata": loaded.nodata}


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
