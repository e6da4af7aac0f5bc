"""The commands that write a pooling as an animation, or as a page to play with."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from poolcli.analysis.timing import SECONDS, check_seconds
from poolcli.cli import messages, pool, takes, unpool
from poolcli.cli.command import Command, Entry, Values, build_command, build_group
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.families import Family
from poolcli.ops import Op

if TYPE_CHECKING:
    from poolcli.analysis.explain import Explanation
    from poolcli.batch.inputs import Input
    from poolcli.formats.base import Source
    from poolcli.operation import Operation


def build() -> Command:
    """Make the command, with every op and every family of windows below it."""

    def callback() -> None:
        """Write what pooling does, window by window, as a GIF, an APNG or a page to play with."""

    commands = {
        **pool.op_entries(_command),
        **pool.family_entries(_command, "animate"),
        "unpool": Entry(
            "put values back to the positions that --indices gave",
            _unpool_command,
            heading=pool.FAMILIES_HEADING,
        ),
    }
    more = pool.plugin_entries(_command)
    return build_group("animate", commands, what="op", callback=callback, more=more)


def _command(op: Op, family: Family) -> Command:
    def body(values: Values) -> int:
        extension = _extension(values)
        from poolcli.cli.requests import find_inputs, request_of

        operation = request_of(op, family, {**values, "threads": None})
        return _animate(operation, find_inputs(values), extension, values)

    help = f"Write how every window becomes {op.summary}: {op.formula}."
    return build_command(op.name, help, takes.of_animating(op, family), body)


def _unpool_command() -> Command:
    def body(values: Values) -> int:
        extension = _extension(values)
        operation, inputs = unpool.read_unpool(values)
        return _animate(operation, inputs, extension, values)

    return build_command(
        "unpool",
        "Write where values go back to.",
        takes.TAKES["animate unpool"],
        body,
    )


def _extension(values: Values) -> str:
    """Give the extension of the output. Raises UsageError where that cannot be written."""
    path: str | None = values["output"]
    if path is None:
        raise UsageError("animate needs a file to write: -o x.gif, -o x.png or -o x.html")
    extension = os.path.splitext(path)[1].lower()
    if extension not in _WRITERS:
        named = f"extension {extension!r} is unknown" if extension else "has no extension"
        raise UsageError(f"{path}: {named}; animate writes {' '.join(_WRITERS)}")
    from poolcli import batch

    batch.check_target(batch.Target(path))
    if os.path.isdir(path):
        raise UsageError(f"{path}: is a folder; name a file in it")
    if os.path.isfile(path) and not values["overwrite"]:
        raise UsageError(f"{path}: exists; --overwrite replaces it")
    _seconds(values)
    return extension


def _seconds(values: Values) -> float:
    return SECONDS if values["seconds"] is None else check_seconds(values["seconds"])


def _animate(operation: Operation, inputs: Sequence[Input], extension: str, values: Values) -> int:
    from poolcli import formats
    from poolcli.analysis.explain import explain
    from poolcli.cli.env import read_defaults

    loaded = _only_array(inputs)
    layout = loaded.layout or read_defaults(values["like"]).layouts.get(len(loaded.shape))
    try:
        explanations = explain(operation, loaded.content, layout)
        content, notes = _WRITERS[extension](operation, explanations, extension, values)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    if explanations[0].plan.warning is not None:
        messages.warn(f"{loaded.label}: {explanations[0].plan.warning}")
    for note in () if values["quiet"] else notes:
        messages.hint(f"{loaded.label}: {note}")
    formats.make_folder_of(values["output"])
    formats.write_bytes(values["output"], content, overwrite=values["overwrite"])
    return 0


def _only_array(inputs: Sequence[Input]) -> Source:
    """Read the one input's one array."""
    if len(inputs) > 1 or inputs[0].from_folder:
        raise UsageError("animate takes one input: a file, - for standard input, or a --matrix")
    large = (loaded for loaded in inputs[0].read() if not loaded.beside)
    loaded = next(large)
    if next(large, None) is not None:
        raise InputError(f"{inputs[0].label}: holds several arrays; name one: FILE.npz:name")
    return loaded


Written = tuple[bytes, Sequence[str]]
"""What to write, and what there is to say of it."""


def _moving(
    _: Operation, explanations: Sequence[Explanation], extension: str, values: Values
) -> Written:
    from poolcli.analysis.animate import make_storyboard
    from poolcli.formats.animation import encode_animation

    board, part = make_storyboard(explanations, _title(explanations), seconds=_seconds(values))
    notes = _planes(explanations)
    if not part.is_whole:
        shown, of = (_times(counts) for counts in part)
        notes.append(f"of {of} windows the first {shown} are shown")
    return encode_animation(board, extension), notes


def _page(
    operation: Operation, explanations: Sequence[Explanation], _extension: str, values: Values
) -> Written:
    from poolcli.analysis.page import MOST_CELLS, make_page

    cells, notes = explanations[0].cells, _planes(explanations)
    part = cells[(slice(MOST_CELLS),) * cells.ndim]
    if part.shape != cells.shape:
        notes.append(f"of {_times(cells.shape)} cells a page shows the first {_times(part.shape)}")
    try:
        return make_page(part, operation, seconds=_seconds(values)).encode(), notes
    except PoolError as error:
        if part.shape == cells.shape:
            raise
        raise InputError(f"{error}, in the {_times(part.shape)} cells that a page shows") from error


def _planes(explanations: Sequence[Explanation]) -> list[str]:
    """Say of which plane it is, where there are several."""
    planes = [f"{count} {name}" for name, count in explanations[0].planes.items()]
    return [f"shown is the first of {' and of '.join(planes)}"] if planes else []


def _title(explanations: Sequence[Explanation]) -> str:
    from poolcli.report.glyphs import UNICODE

    title: str = explanations[0].plan.describe(UNICODE.times)
    return title


def _times(counts: Sequence[int]) -> str:
    return "x".join(map(str, counts))


_WRITERS: Mapping[str, Callable[[Operation, Sequence[Explanation], str, Values], Written]] = {
    ".gif": _moving,
    ".png": _moving,
    ".html": _page,
}
