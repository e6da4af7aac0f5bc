"""The commands that show pooling window by window: what is covered, what wins, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

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
    from poolcli.report.canvas import Block, Screen
    from poolcli.report.windows.grid import Box

STEP_LINES = 20  # of a step where several are printed
KEYS = "→ Space next   ← back   Home End first and last   q quit"


def build() -> Command:
    """Make the group of the ops, and of the families of windows with the same ops."""

    def callback() -> None:
        """Show what pooling does, window by window: cells, winner, formula and arithmetic."""

    commands = {
        **pool.op_entries(_command),
        **pool.family_entries(_command, "explain"),
        "unpool": Entry(
            "put values back to the positions that --indices gave",
            _unpool_command,
            heading=pool.FAMILIES_HEADING,
        ),
    }
    more = pool.plugin_entries(_command)
    return build_group("explain", commands, what="op", callback=callback, more=more)


def _command(op: Op, family: Family) -> Command:
    def body(values: Values) -> int:
        from poolcli.cli.requests import find_inputs, request_of

        operation = request_of(op, family, {**values, "threads": None})
        return _explain(operation, find_inputs(values), values)

    help = f"Show how every window becomes {op.summary}: {op.formula}."
    return build_command(op.name, help, takes.of_explaining(op, family), body)


def _unpool_command() -> Command:
    def body(values: Values) -> int:
        operation, inputs = unpool.read_unpool(values)
        return _explain(operation, inputs, values)

    return build_command(
        "unpool",
        "Show where values go back to.",
        takes.TAKES["explain unpool"],
        body,
    )


def _explain(operation: Operation, inputs: Sequence[Input], values: Values) -> int:
    """Tell of every array of every source; give the exit code."""
    given = [flag for flag in ("at", "all", "region") if values[flag]]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} both say which windows; choose one")
    if values["as_json"] and values["step"]:
        raise UsageError("--json tells of all windows at once, and --step of one after another")
    failed, shown = False, 0
    for item in inputs:
        try:
            for loaded in item.read():
                if loaded.info.beside:
                    messages.hint(f"{loaded.label}: left out, of 0 or 1 axes beside larger arrays")
                    continue
                titled = len(inputs) > 1 or shown > 0
                _print_explanation(operation, loaded, values, titled=titled, first=shown == 0)
                shown += 1
        except UsageError:
            raise
        except PoolError as error:
            messages.complain_of_input(item.label, error, as_json=values["as_json"])
            failed = True
    return 1 if failed else 0


def _print_explanation(
    operation: Operation, loaded: Source, values: Values, *, titled: bool, first: bool
) -> None:
    """Tell of one array. Everything is pooled before anything is written."""
    from poolcli.analysis.explain import explain
    from poolcli.cli.env import read_defaults

    layout = loaded.layout or read_defaults(values["like"]).layouts.get(len(loaded.shape))
    try:
        explanations = explain(operation, loaded.content, layout)
        boxes = _boxes(explanations, values)
        if explanations[0].plan.warning is not None:
            messages.warn(f"{loaded.label}: {explanations[0].plan.warning}")
        if values["as_json"]:
            from poolcli.report.explain_json import explanation_json

            pieces = explanation_json(loaded.label, explanations, boxes, word=messages.as_typed)
            print(*pieces, sep="", file=messages.results())
        else:
            _show(loaded.label if titled else None, explanations, boxes, values, first=first)
    except InputError as error:
        raise InputError(f"{loaded.label}: {error}") from error
    messages.results().flush()


def _show(
    label: str | None,
    explanations: Sequence[Explanation],
    boxes: Sequence[Box | None],
    values: Values,
    *,
    first: bool,
) -> None:
    """Show a page, or one step after another."""
    from poolcli.report.canvas import Screen, text_line
    from poolcli.report.explain import explanation_page
    from poolcli.report.glyphs import safe

    stream, every = messages.results(), values["all"]
    screen = Screen(stream, terminal=stream.isatty(), word=messages.as_typed)
    page = [] if values["step"] else explanation_page(explanations, boxes, screen, every=every)
    screen.show([] if first else [[]])
    if label is not None:
        screen.show([text_line(safe(label), "bold"), []])
    screen.show(page)
    if values["step"]:
        _step(explanations, boxes, screen, every=every)


def _step(
    explanations: Sequence[Explanation], boxes: Sequence[Box | None], screen: Screen, *, every: bool
) -> None:
    """Go from window to window, by keys where there are some."""
    from poolcli.cli.keys import keyboard
    from poolcli.report.canvas import text_line
    from poolcli.report.explain import step_page

    steps = [
        (one, box, at)
        for one, box in zip(explanations, boxes, strict=True)
        if box is not None
        for at in box.positions()
    ]

    def page(number: int, *, whole: bool = True, below: int = 0) -> Block:
        which = f"{number + 1} of {len(steps)}"
        return step_page(*steps[number], which, screen, first=whole, below=below)

    if not screen.is_terminal:
        _print_steps(page, len(steps), screen, every=every)
        return
    with keyboard() as keys:
        if keys is None:
            _print_steps(page, len(steps), screen, every=every)
            return
        number, last = 0, len(steps) - 1
        moves: dict[str, Callable[[int], int]] = {
            **dict.fromkeys(("right", " ", "n", "l", "\n", "\r"), lambda n: min(n + 1, last)),
            **dict.fromkeys(("left", "b", "p", "h", "\x7f"), lambda n: max(n - 1, 0)),
            "home": lambda _: 0,
            "end": lambda _: last,
        }
        with screen.full() as full:
            while True:
                full.draw([*page(number, below=2), [], text_line(f"  {KEYS}", "faint")])
                key = keys.key()
                if key in ("q", "Q", "escape", "closed"):
                    break
                if key == "interrupt":
                    raise KeyboardInterrupt
                if key in moves:
                    number = moves[key](number)
    screen.show(page(number))


def _print_steps(page: Callable[..., Block], total: int, screen: Screen, *, every: bool) -> None:
    """Print the steps one below the other, as many as fit a page or all of them."""
    from poolcli.report.canvas import text_line

    lines = 0
    for number in range(total):
        block = page(number, whole=number == 0, below=screen.height - STEP_LINES)
        lines += len(block) + 1
        if number and lines + 1 > screen.height and not every:
            left = f"  … and {total - number} more windows: --all prints them"
            screen.show([[], text_line(left, "faint")])
            return
        screen.show(block if number == 0 else [[], *block])


def _boxes(explanations: Sequence[Explanation], values: Values) -> list[Box | None]:
    """Give the windows to tell of in each explanation; None where there are none."""
    from poolcli.report.windows.grid import Box

    if values["at"] is not None:
        return list(_at(explanations, values["at"]))
    if values["region"] is not None:
        boxes = [_within(one, values["region"]) for one in explanations]
        if not any(boxes):
            raise UsageError(f"--region {values['region']}: no window lies within it as a whole")
        return boxes
    return [Box((0,) * len(one.shape), one.shape) for one in explanations]


def _at(explanations: Sequence[Explanation], text: str) -> Iterator[Box | None]:
    """Give the one window whose result stands at a place of the output."""
    from poolcli.report.windows.grid import Box

    numbers = [part.strip() for part in text.split(",")]
    joins = explanations[0].first_index is not None
    axes = 1 if joins else len(explanations[0].shape)
    example = ",".join("0" * axes)
    if len(numbers) != axes or not all(re.fullmatch(r"[0-9]{1,18}", n) for n in numbers):
        raise UsageError(
            f"--at {text[:40]}: {axes} whole number{'s' if axes > 1 else ''}, as in {example}, "
            f"{'say' if axes > 1 else 'says'} where in the output"
        )
    at = tuple(map(int, numbers))
    found = False
    for one in explanations:
        own = one.position_of(at)
        found |= own is not None
        yield None if own is None else Box(own, tuple(i + 1 for i in own))
    if not found:
        shape = (sum(one.size for one in explanations),) if joins else explanations[0].shape
        whole = "x".join(map(str, shape))
        raise UsageError(
            f"--at {text[:40]}: outside the output of {whole}; places count from {example}"
        )


def _within(explanation: Explanation, text: str) -> Box | None:
    """Give the windows whose real cells all lie in a region of the input."""
    from poolcli.report.windows.grid import Box

    parts = text.split(",")
    if len(parts) != len(explanation.shape):
        example = ",".join(["0:8"] * len(explanation.shape))
        raise UsageError(f"--region {text[:40]}: one range per axis is meant, as in {example}")
    first, stop = [], []
    for part, w in zip(parts, explanation.windows, strict=True):
        matched = re.fullmatch(r"\s*([0-9]{0,18}):([0-9]{0,18})\s*", part)
        if matched is None:
            raise UsageError(f"--region {text[:40]}: {part[:20]!r} is no range such as 0:8")
        low = int(matched[1] or 0)
        high = min(int(matched[2] or w.n), w.n)
        inside = [i for i in range(w.out) if low <= w.real_span(i)[0] and w.real_span(i)[1] <= high]
        if not inside:
            return None
        first.append(inside[0])
        stop.append(inside[-1] + 1)
    return Box(tuple(first), tuple(stop))
