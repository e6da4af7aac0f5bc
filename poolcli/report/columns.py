"""Tables of a few columns under headings of two lines, for a terminal, a pipe or a file.

A line is made of pieces, each a text and the style that a terminal gives it. Nothing is wider than
80 columns, or than the terminal is, unless a name is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import IO

from poolcli.report.glyphs import encodable, safe

Piece = tuple[str, str]
Line = Sequence[Piece]

WIDTH = 80
MARGIN = "  "
PROMPTS = 2  # lines: of the command and of the next one
LEAST = 5  # lines of a table
NOTHING = "–"
# What a stream that is not UTF-8 gets instead.
_ASCII = str.maketrans(
    {"×": "x", "→": "->", "…": "..", NOTHING: "-", "−": "-", "σ": "s", "∞": "inf"}
)


def show_lines(lines: Iterable[Line], *, stream: IO[str], terminal: bool) -> None:
    """Write lines; on a terminal in their styles, and as many as its window holds."""
    if not terminal:
        stream.writelines(f"{_text(line, stream).rstrip()}\n" for line in lines)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, force_terminal=True)
    for line in fitted(list(lines), console.height - PROMPTS):
        pieces = ((_plain(text, stream), style) for text, style in line)
        console.print(Text.assemble(*pieces), soft_wrap=True)


def fitted(lines: Sequence[Line], height: int) -> Sequence[Line]:
    """Return as many lines as a window holds: explanations below a table go first.

    >>> table = [(("a", ""),), (("b", ""),), (("c", ""),)]
    >>> fitted(table, 3) == table
    True
    >>> fitted([*table, (), (("why", "dim"),)], 4)[-1]
    (('  … 2 more lines in a pipe', 'dim'),)
    """
    if len(lines) <= height:
        return lines
    kept = list(lines[: max(LEAST, height - 1)])
    blank = max((i for i, line in enumerate(kept) if not line), default=0)
    if all(style == "dim" for line in kept[blank + 1 :] for text, style in line if text.strip()):
        kept = kept[:blank] if blank else kept
    while kept and not kept[-1]:
        kept.pop()
    note = f"{MARGIN}… {len(lines) - len(kept)} more lines in a pipe"
    return [*kept, ((note, "dim"),)]


def room(terminal: bool) -> int:
    """How many columns there are to write in."""
    if not terminal:
        return WIDTH
    import shutil

    return max(20, min(WIDTH, shutil.get_terminal_size().columns))


def _text(line: Line, stream: IO[str]) -> str:
    return "".join(_plain(text, stream) for text, _ in line)


def _plain(text: str, stream: IO[str]) -> str:
    written = encodable(text, stream)
    return written if written == text else encodable(text.translate(_ASCII), stream)


def title(parts: Sequence[Piece], width: int = WIDTH) -> list[Line]:
    """The parts with a gap between them, in as many lines as they take."""
    lines: list[list[Piece]] = [[(MARGIN, "")]]
    used = len(MARGIN)
    for text, style in parts:
        text = safe(text)
        if used > len(MARGIN) and used + 3 + len(text) > width:
            lines.append([(MARGIN, "")])
            used = len(MARGIN)
        gap = "   " if used > len(MARGIN) else ""
        lines[-1] += [(gap, ""), (text, style)]
        used += len(gap) + len(text)
    return list(lines)


def columns(
    headings: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[str]],
    styles: Sequence[Sequence[str]],
    width: int = WIDTH,
) -> list[Line]:
    """Rows below their headings: the first column to the left, the others to the right.

    A heading's upper line goes on over the columns after it whose upper line is empty. Where there
    is no room for a table each row has lines of its own.
    """
    lower = [below for _, below in headings]
    widths = [max(map(len, column)) for column in zip(lower, *rows, strict=True)]
    gap = max((n for n in (3, 2) if _total(widths, n) <= width), default=1)
    spans = _spans(headings)
    for text, first, last in spans:
        missing = len(text) - _total(widths[first : last + 1], gap) + len(MARGIN)
        for i in range(missing):
            widths[first + i % (last + 1 - first)] += 1
    gap = gap if _total(widths, gap) <= width else 1
    if _total(widths, gap) > width:
        return [
            line
            for row, style in zip(rows, styles, strict=True)
            for line in _stacked(headings, row, style, width)
        ]
    dim = ["dim"] * len(widths)
    lines: list[Line] = [_upper(spans, widths, gap), _row(lower, widths, gap, dim)]
    lines += [_row(row, widths, gap, style) for row, style in zip(rows, styles, strict=True)]
    return lines


def _stacked(
    headings: Sequence[tuple[str, str]], row: Sequence[str], styles: Sequence[str], width: int
) -> list[Line]:
    """The name of a row, and below it what stands in its columns, each with its heading."""
    lines: list[list[Piece]] = [[(MARGIN + row[0], styles[0])]]
    used = width
    for (above, below), word, style in zip(headings[1:], row[1:], styles[1:], strict=False):
        if not word:
            continue
        name = below if len(below) > 1 else f"{above} {below}"
        piece = 3 + len(name) + 1 + len(word)
        if used + piece > width:
            lines.append([(MARGIN, "")])
            used = len(MARGIN)
        lines[-1] += [(f"   {name} ", "dim"), (word, style)]
        used += piece
    return list(lines)


def _total(widths: Sequence[int], gap: int) -> int:
    return len(MARGIN) + sum(widths) + gap * (len(widths) - 1)


def _spans(headings: Sequence[tuple[str, str]]) -> list[tuple[str, int, int]]:
    """The upper lines of the headings, with the first and the last column each is for."""
    starts = [i for i, (above, _) in enumerate(headings) if above]
    ends = [*(i - 1 for i in starts[1:]), len(headings) - 1]
    pairs = zip(starts, ends, strict=False)
    return [(headings[first][0].strip(), first, last) for first, last in pairs]


def _upper(spans: Sequence[tuple[str, int, int]], widths: Sequence[int], gap: int) -> Line:
    """Upper lines above the middle of several columns, or at the right of one."""
    line = ""
    for text, first, last in spans:
        start = _total(widths[:first], gap) + (gap if first else 0)
        room = _total(widths[first : last + 1], gap) - len(MARGIN) - len(text)
        line = line.ljust(start + (room // 2 if last > first else room)) + text
    return [(line, "dim")]


def _row(words: Sequence[str], widths: Sequence[int], gap: int, styles: Sequence[str]) -> Line:
    first, *rest = zip(words, widths, styles, strict=False)
    pieces: list[Piece] = [(MARGIN, ""), (first[0].ljust(first[1]), first[2])]
    pieces += [(" " * gap + word.rjust(width), style) for word, width, style in rest]
    return pieces


def decimals_for(top: float) -> int | None:
    """Digits after the point that numbers of up to this size need; None for an exponent.

    >>> decimals_for(1020), decimals_for(0.5), decimals_for(3e9)
    (0, 3, None)
    """
    if top == 0 or 100 <= top < 1e7:
        return 0
    if not 1e-4 <= top < 1e7:
        return None
    return max(2, 2 - math.floor(math.log10(top)))


def number(value: float | None, decimals: int | None, *, short: bool = False) -> str:
    """A number, or a dash where there is none; ``short`` leaves out zeros at its end.

    >>> number(2.25, 1), number(float("inf"), 1), number(None, 1), number(-0.001, 1)
    ('2.2', '∞', '–', '0.0')
    >>> number(2.5, 2, short=True)
    '2.5'
    """
    if value is None:
        return NOTHING
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "-∞"
    text = f"{value:.2e}" if decimals is None else f"{value:.{decimals}f}"
    if short and decimals:
        text = text.rstrip("0").rstrip(".")
    return text.lstrip("-") if not text.strip("-0.") else text


def ratio(value: float | None) -> str:
    """A number that is near 1 as a rule, to two places.

    >>> ratio(0.756), ratio(19662.37), ratio(None)
    ('0.76', '1.97e+04', '–')
    """
    return number(value, 2 if value is None or abs(value) < 1000 else None)


def signed(value: float | None) -> str:
    """A ratio of either sign.

    >>> signed(0.756), signed(-0.5), signed(0.001), signed(None)
    ('+0.76', '−0.50', '0.00', '–')
    """
    text = ratio(value)
    if value is None or not text.strip("-0."):
        return text
    return f"−{text[1:]}" if text.startswith("-") else f"+{text}"


def share(value: float | None) -> str:
    """A share of all, in percent; what is not all of it is never rounded to that.

    >>> share(0.5166), share(0.99999), share(0.00001), share(1.0)
    ('52 %', '99.99 %', '<0.1 %', '100 %')
    """
    if value is None:
        return NOTHING
    percent = 100 * value
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.5 <= percent < 100 or 0 < percent < 0.5:
        return f"{min(percent, 99.99):.2f} %" if percent > 99.94 else f"{percent:.1f} %"
    return f"{percent:.0f} %"
