"""Names, messages and the one line that says what was done to an input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

from poolcli.report.asked import index_convention, words

if TYPE_CHECKING:
    from poolcli.plan import Plan
    from poolcli.report.result import Result


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

# Singular and plural of what an axis is made of, by the names that a plan uses.
_CELLS = {
    "height": ("row", "rows"),
    "width": ("column", "columns"),
    "depth": ("slice", "slices"),
}


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


class Line(NamedTuple):
    """The report line in its parts, so that a terminal can colour them."""

    label: str
    shapes: str
    operation: str
    notes: str

    def __str__(self) -> str:
        return "  ".join(part for part in self if part)


def report_line(result: Result, glyphs: Glyphs = ASCII) -> Line:
    """Say what went in, what came out and what was asked, on one line."""
    plan = result.plan
    before = [_shape(plan.input_shape, glyphs), plan.layout, plan.input_dtype.name]
    before = [word for word in before if word]
    after = [_shape(plan.output_shape, glyphs), plan.output_dtype.name]
    if plan.output_layout != plan.layout and plan.output_layout:
        after.insert(1, plan.output_layout)
    notes = [f"{_dropped(plan.dropped)} dropped"] if plan.dropped else []
    if result.written is not None:
        notes.append(f"written to {safe(result.written)}")
    if result.indices is not None:
        notes.append(f"{index_convention(plan)} indices to {safe(result.indices)}")
    return Line(
        safe(result.label),
        " ".join([*before, glyphs.arrow, *after]),
        operation(plan, glyphs) + _over(plan.layout),
        "".join(f"({', '.join(notes)})" if notes else ""),
    )


def _over(layout: str) -> str:
    """Say which axes were pooled, where there are others."""
    pooled = "".join(letter for letter in layout if letter in "DHW")
    return f" over {pooled}" if pooled and pooled != layout else ""


def _shape(shape: Sequence[int], glyphs: Glyphs) -> str:
    return glyphs.times.join(map(str, shape)) if shape else "scalar"


def _dropped(dropped: dict[str, int]) -> str:
    counts = []
    for name, cells in dropped.items():
        axis, gap, where = name.partition(" ")
        one, many = _CELLS.get(axis, (f"{axis} cell", f"{axis} cells"))
        counts.append(f"{cells} {one if cells == 1 else many}{gap}{where}")
    return " and ".join(counts)


def operation(plan: Plan, glyphs: Glyphs = ASCII) -> str:
    """Say the op and its windows as they were asked for: ``max 3x3 stride 2 padding 1``."""
    if hasattr(plan, "operation"):
        return str(plan.operation)  # it is no windows of one op, and says itself what it is
    return words(plan, glyphs.times)
