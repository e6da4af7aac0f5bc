"""Names, messages and the one line that says what was done to an input."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, NamedTuple

from poolcli.report.describe import _CELLS

if TYPE_CHECKING:
    pass


class Glyphs(NamedTuple):
    """The signs that a terminal may or may not be able to show."""

    times: str
    arrow: str
    dots: str
    top: tuple[str, str]
    side: str
    bottom: tuple[str, str]
    half_block: str | None


UNICODE = Glyphs("×", "→", "…", ("┌", "┐"), "│", ("└", "┘"), "▀")
ASCII = Glyphs("x", "->", "..", ("+", "+"), "|", ("+", "+"), None)


def safe(text: str) -> str:
    r"""Return ``text`` on one line, with everything a terminal could act on escaped.

    Control characters, line ends, bidirectional overrides and the surrogates that stand for
    undecodable bytes of a file name become ``\n``, ``\x1b``, ``\u202e``, ``\xff``.

    >>> print(safe("a\nb\x1b[31m.png"))
    a\nb\x1b[31m.png
    """
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's stand-in for the byte code - 0xDC00
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def encodable(text: str, stream: IO[str]) -> str:
    """Return ``text`` as ``stream`` can write and poolcli can read it: UTF-8, or else ASCII."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        return text
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _say(text: str, stream: IO[str] | None) -> None:
    stream = sys.stderr if stream is None else stream
    stream.write(encodable(f"poolcli: {safe(text)}\n", stream))
    stream.flush()


def hint(text: str, *, stream: IO[str] | None = None) -> None:
    """Write ``poolcli: hint: text`` to stderr: something that the user may want to know."""
    _say(f"hint: {text}", stream)


def note(text: str, *, stream: IO[str] | None = None) -> None:
    """Write ``poolcli: text`` to stderr: what was done, all in all."""
    _say(text, stream)


def warning(text: str, *, stream: IO[str] | None = None) -> None:
    """Write ``poolcli: warning: text`` to stderr: done, but not quite as one would expect."""
    _say(f"warning: {text}", stream)


def error(text: str, *, stream: IO[str] | None = None) -> None:
    """Write ``poolcli: text`` to stderr: not done, and why."""
    _say(text, stream)


def _over(layout: str) -> str:
    """Say which axes were pooled, where there are others."""
    pooled = "".join(letter for letter in layout if letter in "DHW")
    return f" over {pooled}" if pooled and pooled != layout else ""


def dropped_text(dropped: dict[str, int]) -> str:
    """Say how many rows and columns no window covers: ``1 row and 2 columns``."""
    counts = []
    for name, cells in dropped.items():
        axis, gap, where = name.partition(" ")
        one, many = _CELLS.get(axis, (f"{axis} cell", f"{axis} cells"))
        counts.append(f"{cells} {one if cells == 1 else many}{gap}{where}")
    return " and ".join(counts)
