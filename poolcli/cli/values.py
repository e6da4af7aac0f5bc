"""What option values mean: window options as they are written, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Sequence

from poolcli.notation import parse_counts, parse_padding, shorten

__all__ = [
    "Levels",
    "closest",
    "closest_option",
    "parse_counts",
    "parse_levels",
    "parse_padding",
    "shorten",
]

Levels = tuple[int | tuple[int, ...], ...]


def parse_levels(text: str) -> Levels:
    """Read the levels of a pyramid, each one as a size is written.

    >>> parse_levels("1,2,4x2")
    (1, 2, (4, 2))
    """
    return tuple(parse_counts(level, "--levels") for level in text.split(","))


# What other programs and libraries call things; the rest is near enough to be guessed.
_OTHER_NAMES = {
    "average": "avg",
    "maximum": "max",
    "minimum": "min",
    "total": "sum",
    "help": "--help",
}
_OTHER_OPTIONS = {
    "--kernel": "--size",
    "--kernel-size": "--size",
    "--ksize": "--size",
    "--pool-size": "--size",
    "--window": "--size",
    "--pad": "--padding",
    "--pads": "--padding",
    "--out": "--output",
}


def closest(word: str, known: Sequence[str]) -> str:
    """Say which known name was probably meant, or nothing.

    >>> closest("maxx", ["max", "min"])
    '; did you mean max?'
    >>> closest("MaxPool2d", ["max", "min", "unpool"])
    '; did you mean max?'
    >>> closest("photo.png", ["max", "min"])
    ''
    """
    bare = re.sub(r"[-_]?pool(ing)?([123]d)?$", "", word.lower())
    return _meant(_OTHER_NAMES.get(bare, bare if bare in known else word.lower()), known)


def closest_option(word: str, known: Sequence[str]) -> str:
    """Say which option was probably meant, or nothing.

    >>> closest_option("--kernel-size", ["--size", "--stride"])
    '; did you mean --size?'
    """
    other = _OTHER_OPTIONS.get(word.replace("_", "-"))
    return _meant(other if other in known else word, known, likeness=0.75)


def _meant(word: str | None, known: Sequence[str], likeness: float = 0.6) -> str:
    from difflib import get_close_matches  # costs a millisecond that only mistakes need

    near = get_close_matches(word or "", known, n=1, cutoff=likeness)
    return f"; did you mean {near[0]}?" if near else ""
