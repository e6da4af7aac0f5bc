"""What ``--help`` prints, and ``-h`` in short: options in groups, as wide as the terminal.

``GROUPS`` says where each option stands; what places windows, and an op's own options, stand under
``WINDOWS``. Loaded only when somebody asks for help.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from poolcli.cli.examples import examples_of

WINDOWS = "Windows"
GROUPS: Mapping[str, Sequence[str]] = {
    WINDOWS: ("count_include_pad", "divisor", "op", "ops"),
    "What is shown": ("at", "all", "region", "step", "shifts", "axis", "seconds", "code"),
    "Values": ("layout", "like", "nan", "nodata", "min_valid", "mask", "weights", "dtype", "clip"),
    "Output": (
        *("output", "format", "overwrite", "indices", "index", "share"),
        *("as_json", "full", "no_preview", "quiet"),
    ),
    "Pictures": (
        *("linear", "by", "colormap", "normalize", "grid", "background"),
        *("quality", "compression", "max_pixels"),
    ),
    "Many files": (
        *("recursive", "files_from", "name_template", "skip_existing", "resume", "dry_run"),
        *("fail_fast", "unordered", "jobs", "threads", "max_memory"),
    ),
    "Other machines": ("shard", "scheduler", "mixed", "insecure"),
    "Input": ("arrays", "matrix", "delimiter", "skip_header", "missing"),
    "Program": ("install", "plugins", "debug", "version", "help"),
}
# Besides what places windows: what -h shows.
IN_SHORT = (
    *("op", "ops", "at", "seconds", "code", "shifts", "layout", "like", "nan", "output", "format"),
    *("overwrite", "as_json", "linear", "colormap", "recursive", "matrix", "install", "help"),
)
_GROUP_OF = {name: group for group, names in GROUPS.items() for name in names}
# A line may end after any hyphen, and not within a flag: there none is until the lines are made.
_UNBROKEN = str.maketrans({"-": "\u2011"})
_TYPED = str.maketrans({"\u2011": "-", "\xa0": " "})
_HELP = "Show this help: -h the options used most, --help all."
NARROWEST = 30  # columns: in less, lines are longer than the terminal is wide


def write_help(command: Any, ctx: Any, formatter: Any, *, short: bool) -> None:
    """Write the help of a command; ``short`` leaves out options that few use."""
    _begin(command, ctx, formatter, short=short)
    records = [(param, _record(param, ctx)) for param in _seen(command, ctx)]
    arguments = [record for param, record in records if param.param_type_name == "argument"]
    options = [(p.name, record) for p, record in records if p.param_type_name == "option"]
    if arguments:
        with formatter.section("Arguments"):
            formatter.write_dl(arguments, col_max=_first(formatter))
    shown = [
        (name, record)
        for name, record in options
        if not short or group_of(name) == WINDOWS or name in IN_SHORT
    ]
    _write_options(formatter, shown)
    if len(shown) < len(options):
        formatter.write_paragraph()
        formatter.write_text(f"{ctx.command_path} --help shows all {len(options)} options.")
    _finish(formatter)


def write_group_help(
    command: Any,
    ctx: Any,
    formatter: Any,
    sections: Mapping[str, Sequence[tuple[str, str]]],
    *,
    short: bool,
) -> None:
    """Write the help of a group of commands.

    ``sections`` are the headings, with the name and the summary of every command below; ``short``
    gives the first heading's names only.
    """
    _begin(command, ctx, formatter, short=short)
    for number, (heading, rows) in enumerate(sections.items()):
        with formatter.section(heading):
            if short and number == 0 and len(sections) > 1:
                formatter.write_text("  ".join(name.replace(", ", "\xa0=\xa0") for name, _ in rows))
            else:
                formatter.write_dl([(name, text.translate(_UNBROKEN)) for name, text in rows])
    options = [(param.name, _record(param, ctx)) for param in _seen(command, ctx)]
    _write_options(formatter, options)
    formatter.write_paragraph()
    formatter.write_text(f"{ctx.command_path} {_kind(sections)} --help describes one of them.")
    _finish(formatter)


def _seen(command: Any, ctx: Any) -> list[Any]:
    return [param for param in command.get_params(ctx) if not getattr(param, "hidden", False)]


def group_of(name: str) -> str:
    """Give the heading that an option stands under.

    >>> group_of("nan"), group_of("size")
    ('Values', 'Windows')
    """
    return _GROUP_OF.get(name, WINDOWS)


def _kind(sections: Mapping[str, object]) -> str:
    return "COMMAND" if len(sections) > 1 else "OP"


def _begin(command: Any, ctx: Any, formatter: Any, *, short: bool) -> None:
    """Write what stands before the options: usage, text and examples."""
    formatter.width = max(shutil.get_terminal_size().columns, NARROWEST)
    command.format_usage(ctx, formatter)
    text = command.help or ""
    formatter.write_paragraph()
    with formatter.indentation():
        shown = text.split("\n\n")[0] if short else text
        formatter.write_text(shown.translate(_UNBROKEN))
    path = ctx.command_path.split()[1:]
    with formatter.section("Examples"):
        for example in examples_of(path):
            formatter.write("".join(f"{line}\n" for line in fitted(example, formatter.width)))


def fitted(example: str, width: int) -> list[str]:
    r"""Give a command in lines that fit and may be copied: each goes on after a backslash.

    >>> fitted('poolcli chain "max 2 | avg 2" input.npy -o output.npy', 40)
    ['  poolcli chain "max 2 | avg 2" \\', '      input.npy -o output.npy']
    """
    first, *words = re.findall(r'(?:"[^"]*"|\S)+', example)
    lines = [f"  {first}"]
    for word in words:
        if len(lines[-1]) + len(word) + len("  \\") > width:
            lines[-1] += " \\"
            lines.append(f"      {word}")
        else:
            lines[-1] += f" {word}"
    return lines


def _record(param: Any, ctx: Any) -> tuple[str, str]:
    names, help = param.get_help_record(ctx)
    return names, (_HELP if param.name == "help" else help).translate(_UNBROKEN)


def _first(formatter: Any) -> int:
    """How wide the column of names may be, so that half of a narrow terminal is left for texts."""
    width: int = formatter.width
    return min(30, width // 2 - 4)


def _finish(formatter: Any) -> None:
    formatter.buffer = [text.translate(_TYPED) for text in formatter.buffer]


def _write_options(formatter: Any, options: Sequence[tuple[str, tuple[str, str]]]) -> None:
    """Write options under their headings, in the order of ``GROUPS``."""
    order = {group: number for number, group in enumerate(GROUPS)}
    ordered = sorted(options, key=lambda option: order[group_of(option[0])])
    for group, members in groupby(ordered, key=lambda option: group_of(option[0])):
        with formatter.section(group):
            formatter.write_dl([record for _, record in members], col_max=_first(formatter))
