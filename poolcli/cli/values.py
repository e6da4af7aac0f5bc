"""What option values mean: window options as they are written, and what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence

from poolcli.notation import parse_counts, parse_padding, shorten

__all__ = ["Levels", "closest", "parse_counts", "parse_levels", "parse_padding", "shorten"]

Levels = tuple[int | tuple[int, ...], ...]


def parse_levels(text: str) -> Levels:
    """Read the levels of a pyramid, each one as a size is written.

    >>> parse_levels("1,2,4x2")
    (1, 2, (4, 2))
    """
    return tuple(parse_counts(level, "--levels") for level in text.split(","))


def closest(word: str, known: Sequence[str]) -> str:
    """Say which known name was probably meant, or nothing.

    >>> closest("maxx", ["max", "min"])
    '; did you mean max?'
    >>> closest("photo.png", ["max", "min"])
    ''
    """
    from difflib import get_close_matches  # costs a millisecond that only mistakes need

    near = get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
