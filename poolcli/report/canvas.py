"""Coloured text in blocks that stand beside each other, written with colours or with signs.

A :class:`Span` says what a piece of text *is* (a cell of a window, its winner, padding) and not how
it looks, so that the same picture can be painted on a terminal or written into a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, NamedTuple

from poolcli.analysis.palette import FAINT, HUES, INK, PADDING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDEST = 80
TALLEST, LEAST_HIGH = 60, 20

# What a terminal without these signs is given instead.
_IN_ASCII = {
    "×": "x",
    "→": "->",
    "←": "<-",
    "…": "..",
    "·": ".",
    "−": "-",
    "–": "-",
    "≈": "~",
    "²": "^2",
    "│": "|",
    "‹": "<",
    "›": ">",
    "⌊": "floor(",
    "⌋": ")",
    "⌈": "ceil(",
    "⌉": ")",
    "Σ": "sum ",
    "α": "a",
}
_TO_ASCII = str.maketrans(_IN_ASCII)


class Span(NamedTuple):
    """A piece of text and what it is; ``hue`` is that of the window that it belongs to."""

    text: str
    role: str = ""
    hue: int | None = None


Line = list[Span]
Block = list[Line]


class Signs(NamedTuple):
    """What stands around the text of a cell."""

    before: str
    after: str


NO_SIGNS = Signs(" ", " ")
# Without colours, what a cell is shows by the signs around it.
SIGNS = {
    "winner": Signs("[", "]"),
    "member": Signs("‹", "›"),
    "missing": Signs("(", ")"),
    "dropped": Signs("(", ")"),
}


def width_of(block: Block) -> int:
    """Return how many columns a block takes."""
    return max((line_width(line) for line in block), default=0)


def line_width(line: Line) -> int:
    """Return how many columns a line takes."""
    return sum(len(span.text) for span in line)


def text_line(text: str, role: str = "") -> Line:
    """Return a line of one piece."""
    return [Span(text, role)]


def indented(block: Block, by: int) -> Block:
    """Return a block moved to the right."""
    return [[Span(" " * by), *line] if line else [] for line in block]


def beside(blocks: Sequence[Block], gap: int, *, centred: bool = True) -> Block:
    """Return blocks side by side, ``gap`` columns apart; lower ones stand in the middle, or on top.

    >>> beside([[[Span("a")], [Span("b")], [Span("c")]], [[Span("x")]]], 1)[1]
    [Span(text='b', role='', hue=None), Span(text=' ', role='', hue=None), \
Span(text='x', role='', hue=None)]
    """
    height = max(map(len, blocks))
    lines: Block = [[] for _ in range(height)]
    for number, block in enumerate(blocks):
        top = (height - len(block)) // 2 if centred else 0
        width, last = width_of(block), number == len(blocks) - 1
        for row, line in enumerate(lines):
            own = block[row - top] if 0 <= row - top < len(block) else []
            missing = 0 if last else width - line_width(own) + gap
            line.extend([*own, Span(" " * missing)] if missing else own)
    return lines


def plain_lines(block: Block, *, ascii_only: bool) -> Iterator[str]:
    """Yield the lines of a block as text, for a pipe or a file."""
    for line in block:
        text = "".join(span.text for span in line).rstrip()
        yield text.translate(_TO_ASCII) if ascii_only else text


class FullScreen(NamedTuple):
    """A terminal of which each drawing takes the place of the one before."""

    draw: Callable[[Block], None]


class Screen:
    """Where blocks go: a terminal in colours, a terminal without them, or a pipe.

    ``word`` puts keywords that texts mark into words of who reads them.
    """

    def __init__(
        self, stream: IO[str], *, terminal: bool, word: Callable[[str], str] = str
    ) -> None:
        self._stream = stream
        self.word = word
        self._ascii = "utf" not in (getattr(stream, "encoding", None) or "utf-8").lower()
        self._console: Console | None = None
        self.coloured = False
        if terminal:
            from rich.console import Console

            self._console = console = Console(file=stream, force_terminal=True, highlight=False)
            # The 16 colours of old terminals are no four hues in three strengths each.
            deep = console.color_system in ("truecolor", "256", "windows")
            self.coloured = deep and not console.no_color

    @property
    def width(self) -> int:
        """How many columns there are; a window may change while it is looked at."""
        return WIDEST if self._console is None else max(1, min(self._console.width, WIDEST))

    @property
    def height(self) -> int:
        """How many lines a page may have."""
        if self._console is None:
            return TALLEST
        return max(LEAST_HIGH, min(self._console.height - 1, TALLEST))

    @property
    def is_terminal(self) -> bool:
        """Whether there is somebody who looks."""
        return self._console is not None

    def show(self, block: Block) -> None:
        """Write a block."""
        if self._console is None:
            for text in plain_lines(block, ascii_only=self._ascii):
                self._stream.write(f"{text}\n")
            return
        for line in block:
            self._console.print(self._painted(line), soft_wrap=True)

    @contextmanager
    def full(self) -> Iterator[FullScreen]:
        """Take the whole terminal, and give it back as it was."""
        assert self._console is not None
        with self._console.screen() as screen:
            yield FullScreen(lambda block: screen.update(self._joined(block)))

    def _joined(self, block: Block) -> Text:
        from rich.text import Text

        return Text("\n", no_wrap=True, overflow="crop").join(map(self._painted, block))

    def _painted(self, line: Line) -> Text:
        from rich.text import Text

        painted = Text(no_wrap=True, overflow="ignore")
        for span in line if self.coloured else trimmed(line):
            text = span.text.translate(_TO_ASCII) if self._ascii else span.text
            style = self._style(span)
            if "strike" in style:  # through the number, and not through the cell
                number = text.strip()
                before, after = text[: text.index(number)], text[text.index(number) + len(number) :]
                bare = style.replace("strike", "")
                painted.append(before, bare).append(number, style).append(after, bare)
            else:
                painted.append(text, style)
        return painted

    def _style(self, span: Span) -> str:
        if not self.coloured:
            return _BOLD.get(span.role, "")
        if span.hue is None or span.role in _GREYS:
            return _GREYS.get(span.role, "")
        hue = HUES[span.hue]
        ground = hue.strong if span.role in _STRONG else hue.tint
        if span.role == "part1":
            ground = _between(hue.tint, hue.strong)
        return f"{_INKS.get(span.role, INK)} on {ground}"


def _between(tint: str, strong: str) -> str:
    """A third tint, for what stands beside the first without a gap."""
    pairs = zip(_rgb(tint), _rgb(strong), strict=True)
    return "#" + "".join(f"{(2 * a + b) // 3:02x}" for a, b in pairs)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


_STRONG = ("winner", "result", "chosen")
# On a terminal without colours: weight alone.
_BOLD = {"winner": "bold", "result": "bold", "bold": "bold", "faint": "dim", "dropped": "dim"}
_INKS = {"winner": f"bold {INK}", "result": f"bold {INK}", "missing": f"strike {INK}"}
_GREYS = {
    "bold": "bold",
    "faint": "dim",
    "dropped": "dim strike",
    "padding": f"{FAINT} on {PADDING}",
    "mirrored": f"{INK} on {PADDING}",
}


def trimmed(line: Line) -> Line:
    """Return a line without spaces at its end."""
    kept = list(line)
    while kept and not (text := kept[-1].text.rstrip()):
        kept.pop()
    if kept:
        kept[-1] = kept[-1]._replace(text=text)
    return kept


def joined(blocks: Iterable[Block]) -> Block:
    """Return blocks one below the other, an empty line between them."""
    lines: Block = []
    for block in blocks:
        if block:
            lines += [[], *block] if lines else block
    return lines
