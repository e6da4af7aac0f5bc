"""What there is to see of an explained pooling: the picture, the formula, the arithmetic."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from poolcli.analysis.explain import Explanation
from poolcli.analysis.steps import Position, Step
from poolcli.report.canvas import Block, Line, Screen, Span, indented, joined, text_line, width_of
from poolcli.report.describe import dropped_text
from poolcli.report.windows import picture
from poolcli.report.windows.cells import WindowCells
from poolcli.report.windows.grid import EVERY, Box

MARGIN = 2
LABEL = 8
MOST_WRITTEN_OUT = 4  # windows whose arithmetic is written out
BAR, LEAST_BAR = 36, 16  # columns of a bar that is cut in proportion
LEAST_PICTURE = 3  # lines
MOST_TRIES = 4
MOST_LINES = 3  # of the arithmetic of one window


def explanation_page(
    explanations: Sequence[Explanation],
    boxes: Sequence[Box | None],
    screen: Screen,
    *,
    every: bool = False,
) -> Block:
    """Return all there is to see of a pooling that fits the screen, or with ``every`` all there is.

    ``boxes`` are the windows to tell of for each explanation, or None where it has none of them.
    """
    parts = [(one, box) for one, box in zip(explanations, boxes, strict=True) if box is not None]
    most = len(parts)
    page = _page(parts, most, screen, EVERY if every else screen.height // most)
    while not every and len(page) > screen.height and most > 1:
        most -= 1
        page = _page(parts, most, screen, screen.height // most)
    return indented(page, MARGIN)


def _page(parts: Sequence[tuple[Explanation, Box]], most: int, screen: Screen, room: int) -> Block:
    """Return the page of the first of several explanations, each in so many lines if possible."""
    page: Block = []
    for _ in range(MOST_TRIES):
        pages = [_part(one, box, screen, room=room) for one, box in parts[:most]]
        if most < len(parts):
            left = f"… and {len(parts) - most} more levels: `all` prints them"
            pages.append([text_line(screen.word(left), "faint")])
        page = joined([_heading(parts[0][0], screen), *pages])
        too_high = len(page) - screen.height
        if room >= EVERY or too_high <= 0:
            break
        room -= -(-too_high // most)
    return page


def step_page(
    explanation: Explanation,
    box: Box,
    at: Position,
    which: str,
    screen: Screen,
    *,
    first: bool = True,
    below: int = 0,
) -> Block:
    """Return the picture of one window among the others, and its arithmetic.

    ``which``: the number of the step. ``first``: with what holds for all of them. ``below``: lines
    to be left free on the screen.
    """
    facts = _facts(explanation, screen) if first else []
    step = explanation.step(at)
    lines = _text_of(step, screen, max(LABEL, len(_name(at)) + 3))
    height = screen.height - below - len(lines) - len(facts) - 7
    cells = _cells(explanation, box, screen, max(LEAST_PICTURE, height))
    heading = _heading(explanation, screen) if first else []
    parts = [heading, [text_line(which, "bold")], picture.step_picture(cells, at), lines, facts]
    return indented(joined(parts), MARGIN)


def matrices(explanations: Sequence[Explanation], screen: Screen, height: int) -> Block | None:
    """Return the cells and what they give, and nothing else; None where that does not fit."""
    (one,) = explanations if len(explanations) == 1 else (None,)
    if one is None or one.planes:
        return None
    box = Box((0,) * len(one.shape), one.shape)
    found = picture.matrices(_cells(one, box, screen, height))
    fits = found is not None and found.shown == box and len(found.block) <= height
    if found is None or not fits or width_of(found.block) > screen.width - MARGIN:
        return None
    return indented(found.block, MARGIN)


def _cells(explanation: Explanation, box: Box, screen: Screen, height: int) -> WindowCells:
    width = screen.width - MARGIN
    return WindowCells(explanation, box, width=width, height=height, signs=not screen.coloured)


def _heading(explanation: Explanation, screen: Screen) -> Block:
    """``max 2×2 stride 2   the largest value of each window``."""
    op, _, rest = explanation.plan.describe("×").partition(" ")
    line = [Span(op, "bold"), Span(f" {rest}" if rest else "")]
    width, summary = len(op) + 1 + len(rest), Span(explanation.summary, "faint")
    if width + 3 + len(explanation.summary) <= screen.width - MARGIN:
        return [[*line, Span("   "), summary]]
    return (
        [line, [summary]]
        if width <= screen.width - MARGIN
        else [
            *_wrapped(f"{op} {rest}", screen.width - MARGIN),
            [summary],
        ]
    )


def _part(explanation: Explanation, box: Box, screen: Screen, *, room: int) -> Block:
    """Return the picture of some windows, the formulas and the arithmetic of the first of them."""
    every = room >= EVERY
    most = box.size if every or box.size <= MOST_WRITTEN_OUT + 1 else MOST_WRITTEN_OUT
    caption, facts = _level(explanation), _facts(explanation, screen)
    # How long the arithmetic is depends on the windows in the picture, and its room on that.
    guess = _arithmetic(
        explanation, itertools.islice(box.positions(), MOST_WRITTEN_OUT + 1), screen
    )
    height = EVERY if every else room - len(caption) - len(facts) - len(guess) - 6
    pictures = list(_bands(explanation, box, screen, max(LEAST_PICTURE, height), every=every))
    seen = box if every else pictures[0][1]
    others = (at for at in box.positions() if at not in seen)
    chosen = list(itertools.islice(itertools.chain(seen.positions(), others), most))
    lines = [
        *facts,
        *_arithmetic(explanation, chosen, screen),
        *_notes(explanation, box, seen, most, screen, every=every),
    ]
    legend = _legend(explanation, chosen[: MOST_WRITTEN_OUT + 1], screen)
    return joined([caption, *(block for block, _ in pictures), lines, legend])


def _arithmetic(explanation: Explanation, positions: Iterable[Position], screen: Screen) -> Block:
    """Return what the windows at these places give, and why."""
    steps = [explanation.step(at) for at in positions]
    label = max(LABEL, *(3 + len(_name(step.at)) for step in steps))
    return [line for step in steps for line in _text_of(step, screen, label)]


def _bands(
    explanation: Explanation, box: Box, screen: Screen, height: int, *, every: bool
) -> Iterator[tuple[Block, Box]]:
    """Give the picture; with ``every`` one below the other until all windows have been seen."""
    start = box.first[-1]
    while start < box.stop[-1]:
        rest = Box((*box.first[:-1], start), box.stop)
        found = picture.picture(_cells(explanation, rest, screen, height))
        yield found.block, found.shown
        start = found.shown.stop[-1]
        if not every:
            return


def _level(explanation: Explanation) -> Block:
    if explanation.level is None:
        return []
    return [text_line(f"level {'×'.join(map(str, explanation.shape))}", "bold")]


def _facts(explanation: Explanation, screen: Screen) -> Block:
    """Return the formula of each axis, those that are alike on one line; and what is dropped."""
    groups: dict[tuple[str, str | None], list[str]] = {}
    for axis in explanation.axes:
        groups.setdefault((axis.text, axis.effective_text), []).append(axis.axis)
    lines: Block = []
    for (text, effective), axes in groups.items():
        where = " and ".join(f"in {axis}" for axis in axes) if len(explanation.axes) > 1 else ""
        if effective is not None:
            lines += _labelled("kernel", f"{effective}", where, screen)
        lines += _labelled("size", text, where, screen)
    dropped = explanation.plan.dropped
    if dropped and explanation.level is None:
        lines += _labelled(
            "dropped", f"{dropped_text(dropped)}, which no window covers", "", screen
        )
    return lines


def _labelled(label: str, text: str, where: str, screen: Screen, width: int = LABEL) -> Block:
    first, *more = _wrapped(f"{text}   {where}" if where else text, screen.width - MARGIN - width)
    return [[Span(label.ljust(width)), *first], *indented(more, width)]


def _wrapped(text: str, width: int, role: str = "") -> Block:
    """Return a text in lines; only where it is too long, as gaps are kept otherwise."""
    lines = [text]
    if len(text) > width:  # but never between the two sides of an equation
        glued = re.sub(r" ([=≈]) (?=[^ ]+$)", "\u00a0\\1\u00a0", text)
        lines = [
            line.replace("\u00a0", " ")
            for line in textwrap.wrap(glued, max(20, width), break_on_hyphens=False)
        ]
    return [text_line(line, role) for line in lines]


def _name(at: Position) -> str:
    return f"[{','.join(map(str, at))}]"


def _text_of(step: Step, screen: Screen, label: int) -> Block:
    """Return the arithmetic of one window; of a draw also the bar that it is a point of."""
    name, where = _name(step.at), ""
    if step.winner is not None and len(step.values) > MOST_NAMED:
        where = f"   at {_name(step.winner)}"
    start = [Span(name, "result", step.hue), Span(" " * (label - len(name)))]
    room = min(BAR, screen.width - MARGIN - label - 3 - len(step.text))
    bar = _bar(step, room, signs=not screen.coloured) if room >= LEAST_BAR else []
    if bar:
        return [[*start, *bar, Span(f"   {step.text}")]]
    width = screen.width - MARGIN - label
    first, *more = _wrapped(_shortened(step.text + where, MOST_LINES * (width - 12)), width)
    return [[*start, *first], *indented(more, label)]


def _shortened(text: str, most: int) -> str:
    """Return a long sum with its middle left out."""
    return text if len(text) <= most else f"{text[: most - 40]} … {text[-37:]}"


MOST_NAMED = 12  # of more cells the winner's place is told in words


def _bar(step: Step, room: int, *, signs: bool) -> Line:
    """Return a bar cut in proportion to the probabilities, the drawn part strong."""
    if step.probabilities is None or step.winner is None or len(step.values) > MOST_NAMED:
        return []
    drawn = step.number_of(step.winner)
    parts = [k for k, p in enumerate(step.probabilities) if p > 0]
    room -= len(parts) + 1 if signs else 0
    ends, line, done = [], [], 0.0
    for k in parts:
        done += step.probabilities[k]
        ends.append(round(done * room))
    begin = 0
    for number, (k, end) in enumerate(zip(parts, ends, strict=True)):
        text, width = _value(step, k), end - begin
        strong = k == drawn
        shown = f"[{text}]" if signs and strong and len(text) + 2 <= width else text
        shown = shown if len(shown) <= width else ""
        if signs:
            line.append(Span("│"))
        line.append(
            Span(shown.center(width), "winner" if strong else f"part{number % 2}", step.hue)
        )
        begin = end
    return [*line, Span("│")] if signs else line


def _value(step: Step, k: int) -> str:
    from poolcli.analysis.arithmetic import number_text

    return number_text(step.values[k])[0]


def _notes(
    explanation: Explanation, box: Box, seen: Box, written_out: int, screen: Screen, *, every: bool
) -> Block:
    """Return what is not shown, and how to see it."""
    lines: Block = []
    if not every and written_out < box.size:
        left = screen.word(f"… and {box.size - written_out} more windows: `all` prints them")
        text, room = screen.word(f"{left}, `step` walks through them"), screen.width - MARGIN
        start = " " * LABEL if LABEL + len(text) <= room else ""
        lines += [[Span(start), *line] for line in _wrapped(text, room, "faint")]
    shown = []
    if not every and seen != box:
        some, whole = ("×".join(map(str, one.shape)) for one in (seen, box))
        shown.append(f"the first {some} of {whole} windows")
    if explanation.planes:
        alike = (
            f", each of the {n} {_PLANES[name]} alike" for name, n in explanation.planes.items()
        )
        shown.append(f"the first plane{''.join(alike)}")
    if shown:
        text = f"shown: {' of '.join(shown)}"
        lines += [[], *_wrapped(text, screen.width - MARGIN, "faint")]
    return lines


_PLANES = {"channels": "channels", "batch": "of the batch"}


def _legend(explanation: Explanation, positions: Sequence[Position], screen: Screen) -> Block:
    """Return what signs mean that explain themselves less than others."""
    steps = [explanation.step(at) for at in positions]
    lines: Block = []
    if not all(step.counts.all() for step in steps):
        sign = "struck through" if screen.coloured else "in ( )"
        lines.append(text_line(f"cells {sign} are missing and do not count", "faint"))
    if any(step.expected is not None for step in steps):
        says = screen.word(
            "every seed draws anew; E = Σx² / Σx is the mean of all draws (`mode='expected'`)"
        )
        lines.append(text_line(says, "faint"))
    return lines
