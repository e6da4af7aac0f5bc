"""The signs that a stream can carry and a terminal does not act on."""

from __future__ import annotations

from typing import IO, NamedTuple


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
