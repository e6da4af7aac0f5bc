"""Pictures in real pixels, on terminals that say that they show them: by Sixel or kitty's protocol.

iTerm2, WezTerm, foot, Konsole, Windows Terminal and xterm show Sixel; kitty and Ghostty their own.
How pictures are sent is textual-image's business, which comes with ``poolcli[terminal]``. What a
terminal can is asked of it, once and with an end to the waiting: every terminal answers the last
question, so that silence means that nobody will.
"""

from __future__ import annotations

import io
import os
import re
import select
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from poolcli.report.pixels import Colours

PATIENCE = 0.25  # seconds; over a slow line as long as is bearable
KITTY, CELL, ATTRIBUTES = (
    b"\x1b_Gi=4211,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
    b"\x1b[16t",
    b"\x1b[c",
)
_DEAF = ("linux", "dumb")  # these would show the questions
_SIXEL = "4"  # among the attributes of a terminal


class Terminal(NamedTuple):
    """A terminal that shows pictures: how they are sent, and a cell's pixels, across and down."""

    kind: str
    cell: tuple[int, int]


def support(console: Console) -> Terminal | None:
    """Say how pictures are sent to a console's terminal; None where it shows none."""
    if console.file not in (sys.stdout, sys.__stdout__) or sys.stdin is None:
        return None
    return _ask()


@cache
def _ask() -> Terminal | None:
    """Ask the terminal that the program runs on; None where there is none to be asked."""
    if sys.platform == "win32" or os.environ.get("TERM") in _DEAF or not _is_ours():
        return None
    if find_spec("textual_image") is None:
        return None
    answer = _answer(KITTY + CELL + ATTRIBUTES, PATIENCE)
    attributes = re.search(r"\x1b\[\?([0-9;]*)c", answer)
    if attributes is None:
        return None
    size = _cell_size(answer)
    if size is None:
        return None
    # Others than kitty say that they know its protocol, and do not know all that is used of it.
    if _SIXEL in attributes[1].split(";"):
        return Terminal("sixel", size)
    return Terminal("kitty", size) if ";OK\x1b\\" in answer else None


def _is_ours() -> bool:
    """Whether both ends are a terminal, in whose foreground the program runs."""
    try:
        ends = [stream.fileno() for stream in (sys.stdin, sys.stdout)]
        return all(map(os.isatty, ends)) and os.tcgetpgrp(ends[0]) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


def _answer(question: bytes, seconds: float) -> str:
    """Write to the terminal and read what it says, up to the attributes that come last.

    What was typed before is left for whoever reads it next: then nothing is asked.
    """
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    said = b""
    try:
        tty.setcbreak(keyboard, termios.TCSANOW)
        if select.select([keyboard], [], [], 0)[0]:
            return ""
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), question)
        end = time.monotonic() + seconds
        while not re.search(rb"\x1b\[\?[0-9;]*c", said):
            left = end - time.monotonic()
            if left <= 0 or not select.select([keyboard], [], [], left)[0]:
                break
            part = os.read(keyboard, 1024)
            if not part:
                break
            said += part
    finally:
        termios.tcsetattr(keyboard, termios.TCSANOW, before)
    return said.decode("latin-1")


def _cell_size(answer: str) -> tuple[int, int] | None:
    """The pixels of a cell, as the system knows them or as the terminal says."""
    import fcntl
    import struct
    import termios

    window = fcntl.ioctl(sys.stdout.fileno(), termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = struct.unpack("HHHH", window)
    if rows and columns and width >= columns and height >= rows:
        return width // columns, height // rows
    said = re.search(r"\x1b\[6;([0-9]{1,4});([0-9]{1,4})t", answer)
    return (int(said[2]), int(said[1])) if said and int(said[1]) and int(said[2]) else None


def show(
    pictures: Sequence[Colours],
    names: Sequence[str],
    console: Console,
    terminal: Terminal,
    margin: int,
    gap: int,
) -> None:
    """Print pictures beside each other as one, with their names below."""
    wide, high = terminal.cell
    columns = [-(-picture.shape[1] // wide) for picture in pictures]
    lines = max(-(-picture.shape[0] // high) for picture in pictures)
    across = margin + sum(columns) + gap * (len(columns) - 1)
    page = np.zeros((lines * high, across * wide, 4), np.uint8)
    words, left = Text(" " * margin), margin
    for picture, name, count in zip(pictures, names, columns, strict=True):
        height, width = picture.shape[:2]
        page[:height, left * wide : left * wide + width, :3] = picture
        page[:height, left * wide : left * wide + width, 3] = 255
        words.append(name[:count].ljust(count + gap), "dim")
        left += count + gap
    console.file.flush()
    with _without_questions(terminal):
        from textual_image.renderable import SixelImage, TGPImage

        image = {"sixel": SixelImage, "kitty": TGPImage}[terminal.kind]
        console.print(image(io.BytesIO(_png(page)), width=across, height=lines))
    if any(names):
        console.print(words)


def _png(page: Colours) -> bytes:
    from poolcli.formats.settings import DEFAULT_PACKING
    from poolcli.formats.table import BY_EXTENSION

    encode = BY_EXTENSION[".png"].encode
    assert encode is not None
    return b"".join(encode(page, ".png", "HWC", None, DEFAULT_PACKING))


@contextmanager
def _without_questions(terminal: Terminal) -> Iterator[None]:
    """Keep textual-image from asking again what is known, as it does when it is imported."""
    from textual_image import _terminal as theirs

    known: Any = theirs.CellSize(*terminal.cell)
    theirs.get_cell_size._result = known  # type: ignore[attr-defined]
    if "textual_image.renderable" in sys.modules:
        yield
        return
    stdout, sys.__stdout__ = sys.__stdout__, None  # type: ignore[misc]
    try:
        import textual_image.renderable  # noqa: F401
    finally:
        sys.__stdout__ = stdout  # type: ignore[misc]
    yield
