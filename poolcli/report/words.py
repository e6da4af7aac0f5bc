"""Names, messages and the one line that says what was done to an input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

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
    after = [_shape(plan.output_shape, glyphs), plan.output_dtype.name]
    if plan.output_layout != plan.layout and plan.output_layout:
        after.insert(1, plan.output_layout)
    notes = [f"{_dropped(plan.dropped)} dropped"] if plan.dropped else []
    if result.written is not None:
        notes.append(f"written to {safe(result.written)}")
    return Line(
        safe(result.label),
        " ".join([*before, glyphs.arrow, *after]),
        operation(plan, glyphs),
        "".join(f"({', '.join(notes)})" if notes else ""),
    )


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
    request = plan.request
    words = [request.op]
    geometry: Any = request.geometry
    if not hasattr(geometry, "size"):
        words.insert(0, "global")
    else:
        axes = len(plan.windows)
        size = per_axis(geometry.size, axes)
        stride = size if geometry.stride is None else per_axis(geometry.stride, axes)
        words += [_times(size, glyphs), f"stride {_times(stride, glyphs, short=True)}"]
        words += _padding(geometry.padding, axes, glyphs)
        dilation = per_axis(geometry.dilation, axes)
        if any(step != 1 for step in dilation):
            words.append(f"dilation {_times(dilation, glyphs, short=True)}")
        if geometry.ceil_mode:
            words.append("ceil")
    if request.count_include_pad:
        words.append("counting padding")
    if request.divisor is not None:
        words.append(f"divisor {_number(request.divisor)}")
    if request.nan != "propagate":
        words.append(f"nan {request.nan}")
    if request.nodata is not None:
        words.append(f"nodata {_number(request.nodata)}")
    words += [f"{name} {value}" for name, value in request.params.items()]
    return " ".join(words)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    """Return one entry per spatial axis for one value or a sequence of them."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes


def _times(values: Iterable[Any], glyphs: Glyphs, short: bool = False) -> str:
    texts = [str(value) for value in values]
    return texts[0] if short and len(set(texts)) == 1 else glyphs.times.join(texts)


def _padding(padding: Any, axes: int, glyphs: Glyphs) -> list[str]:
    """Return ``["padding 1"]``, ``["padding 0:1,1:1"]``, ``["padding same"]`` or nothing."""
    if isinstance(padding, str):
        return [] if padding == "valid" else [f"padding {padding}"]
    sides = [per_axis(side, 2) for side in per_axis(padding, axes)]
    if not any(before or after for before, after in sides):
        return []
    if all(before == after for before, after in sides):
        return [f"padding {_times((before for before, _ in sides), glyphs, short=True)}"]
    return ["padding " + ",".join(f"{before}:{after}" for before, after in sides)]
