"""The command that lists the operations."""

from __future__ import annotations

from collections.abc import Iterator

from poolcli.cli import messages, takes
from poolcli.cli.command import Command, Values, build_command
from poolcli.cli.declare import default_of, flag_of
from poolcli.ops import OPS, Op, find_op

NARROW = 60  # columns: in less, what stands side by side goes one below the other
GAP = "  "


def build() -> Command:
    """Make the command."""
    return build_command(
        "ops",
        "List the ops with formula and source, or show everything about one.\n\n"
        "In a pipe each op is one line of name, aliases, summary, formula and source, with a tab "
        "between them.",
        takes.TAKES["ops"],
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
    from poolcli.cli.pool import family_entries

    facts = [("formula", op.formula), ("source", op.source)]
    for param in op.params:
        said = f"{flag_of(param)}  {param.help} (default: {default_of(param)})"
        facts.append(("options", said))
    if op.divides:
        facts.append(("divisor", "--count-include-pad, --divisor"))
    if op.winner is not None:
        facts.append(("positions", "--indices, --index"))
    if op.share is not None:
        facts.append(("shares", "--share"))
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
