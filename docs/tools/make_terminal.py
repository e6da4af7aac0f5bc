"""Write the pictures of the pages that the program itself makes: ``make pictures``.

An animation is written by ``poolcli animate``. For a picture of a terminal the program runs on a
pseudo-terminal of 80 columns, and what it prints there becomes an SVG.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1] / "images"
PROJECT = FOLDER.parents[1]

MATRIX = '--matrix "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4"'
OVERLAPPING = '--matrix "2 3 1 4; 1 7 0 2; 9 6 3 4; 2 8 1 7"'
TERMINALS = {
    "explain-max.svg": "explain max --size 2 sample_data/max_4x4.npy",
    "explain-avg.svg": f"explain avg --size 2 {MATRIX}",
    "explain-sum.svg": f"explain sum --size 3 --stride 1 {OVERLAPPING}",
    "explain-stochastic.svg": f"explain stochastic --size 2 {MATRIX}",
    "explain-row.svg": 'explain max --size 3 --stride 2 --layout W --matrix "2 7 1 4 9 3 5"',
    "explain-dropped.svg": f"explain max --size 3 {MATRIX}",
    "explain-global.svg": f"explain global avg {MATRIX}",
}
PREVIEWS = {
    "preview-max.svg": "max --size 2 sample_data/storm.png",
    "preview-heat.svg": "avg --size 4 sample_data/spectrogram.npy",
}
"""These fill the window, which is a usual one."""
ANIMATIONS = {
    "max-pooling.gif": "animate max --size 2 --stride 2 sample_data/max_4x4.npy",
}

COLUMNS, LINES, USUAL_LINES = 80, 60, 24
WIDE, HIGH, MARGIN, FONT = 8.4, 18, 14, 14  # pixels of a cell, around all, and of the letters
HALVES = {"▀": (1, 0.5), "▌": (0.5, 1)}
"""Characters that are drawn, by the part of the cell that they fill."""
GROUND, INK, FAINT = "#11181f", "#e6edf3", "#93a1af"


class Piece(NamedTuple):
    """Text of one style in a line of a terminal, from the column where it begins."""

    column: int
    text: str
    ink: str
    ground: str | None
    bold: bool
    struck: bool


def run(arguments: str, *, terminal: bool = False, window: int = LINES) -> str:
    """Run the program, and give what it writes to a pipe or to a terminal with 24-bit colour."""
    command = [sys.executable, "-m", "poolcli", *shlex.split(arguments)]
    env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "LINES")}
    env |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"}
    if not terminal:
        return subprocess.run(
            command, cwd=PROJECT, env=env, check=True, capture_output=True, text=True
        ).stdout
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (window, COLUMNS))
    with subprocess.Popen(
        command, cwd=PROJECT, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        written = b"".join(_read(ours))
    os.close(ours)
    if process.returncode:
        raise RuntimeError(written.decode())
    return written.decode().replace("\r\n", "\n")


def _read(terminal: int) -> Iterator[bytes]:
    """Give what comes, up to where the other side closes, which Linux calls an error."""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            return
        if not part:
            return
        yield part


def pieces(line: str) -> Iterator[Piece]:
    """Give the parts of a line of a terminal by their style."""
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    column = 0
    for segment in Text.from_ansi(line).render(Console(width=1000)):
        text, style = segment.text.strip("\n"), segment.style or Style.null()
        if text:
            ink = style.color.get_truecolor().hex if style.color else FAINT if style.dim else INK
            ground = style.bgcolor.get_truecolor().hex if style.bgcolor else None
            yield Piece(column, text, ink, ground, bool(style.bold), bool(style.strike))
        column += len(text)


def draw(arguments: str, window: int = LINES) -> str:
    """Return the picture of a terminal of so many lines in which the program was run, as SVG."""
    shown = run(arguments, terminal=True, window=window)
    lines = [f"$ poolcli {arguments}", "", *shown.rstrip().split("\n")]
    rows = [list(pieces(line)) for line in lines]
    columns = max(piece.column + len(piece.text) for row in rows for piece in row)
    width, height = round(columns * WIDE + 2 * MARGIN), len(rows) * HIGH + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="title" shape-rendering="crispEdges" '
        f'font-size="{FONT}" '
        'font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace">',
        f'<title id="title">A terminal: poolcli {escape(arguments)}</title>',
        f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>',
    ]
    for number, row in enumerate(rows):
        parts += [part for piece in row for part in _shapes(piece, MARGIN + number * HIGH)]
    return "\n".join([*parts, "</svg>", ""])


def _shapes(piece: Piece, top: int) -> Iterator[str]:
    """Give the ground of a piece of text, and its words each in its own columns."""
    left = MARGIN + piece.column * WIDE
    if piece.ground is not None:
        yield (
            f'<rect x="{left:g}" y="{top}" width="{len(piece.text) * WIDE:g}" height="{HIGH}" '
            f'fill="{piece.ground}"/>'
        )
    if piece.text[0] in HALVES:
        wide, high = HALVES[piece.text[0]]
        for number in range(len(piece.text)):
            yield (
                f'<rect x="{left + number * WIDE:g}" y="{top}" width="{wide * WIDE:g}" '
                f'height="{high * HIGH:g}" fill="{piece.ink}"/>'
            )
        return
    style = (' font-weight="700"' if piece.bold else "") + (
        ' text-decoration="line-through"' if piece.struck else ""
    )
    for blank, group in groupby(enumerate(piece.text), key=lambda one: one[1] == " "):
        if blank:
            continue
        signs = list(group)
        word, x = "".join(sign for _, sign in signs), left + signs[0][0] * WIDE
        yield (
            f'<text x="{x:g}" y="{top + 13}" textLength="{len(word) * WIDE:g}" '
            f'fill="{piece.ink}"{style}>{escape(word)}</text>'
        )


if __name__ == "__main__":
    for name, arguments in PREVIEWS.items():
        drawn = draw(arguments, USUAL_LINES)
        FOLDER.joinpath(name).write_text(drawn, "utf-8", newline="\n")
    for name, arguments in TERMINALS.items():
        FOLDER.joinpath(name).write_text(draw(arguments), "utf-8", newline="\n")
    for name, arguments in ANIMATIONS.items():
        run(f"{arguments} -o {shlex.quote(str(FOLDER / name))} --overwrite")
