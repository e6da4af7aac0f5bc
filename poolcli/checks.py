"""Values of the kind that is meant, or one line that says which is. Standard library only.

What is typed on the command line has its kind already; what Python code hands over may be anything.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import Any

from poolcli.errors import UsageError

# Sums of a few such numbers still fit the 63 bits of a range's length.
LARGEST = 2**60


def shown(value: object) -> str:
    """A value as messages quote it, however long it is.

    >>> shown("x" * 50)
    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"
    """
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no number of thousands of digits
        return "(a number of thousands of digits)"
    return text if len(text) <= 45 else text[:44] + "…"


def one_of(what: str, value: object, known: Sequence[str]) -> None:
    """Refuse what is none of the ``known`` words."""
    if not isinstance(value, str) or value not in known:
        raise UsageError(f"{what} {shown(value)}: use {', '.join(known)}")


def word(what: str, value: object) -> str:
    """``value``, which is a str."""
    if not isinstance(value, str):
        raise UsageError(f"{what} {shown(value)}: a word is meant")
    return value


def whole(what: str, value: object) -> int:
    """``value`` as an int; a float that is a whole number is one.

    >>> whole("seed", True), whole("size", 2.0)
    (1, 2)
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        return operator.index(value)  # type: ignore[arg-type]  # the point is to find out
    except TypeError:
        raise UsageError(f"{what} {shown(value)}: a whole number is meant") from None


def whole_number(what: str, value: object, *, least: int) -> int:
    """``value`` as an int, or a UsageError that says what it is for.

    >>> whole_number("stride", 2, least=1)
    2
    """
    number = whole(what, value)
    if isinstance(value, bool) or number < least:
        raise UsageError(f"{what} {shown(value)}: must be a whole number of at least {least}")
    if number > LARGEST:
        raise UsageError(f"{what}: {number.bit_length()} bits are too large; at most 2^60")
    return number


def real(what: str, value: Any) -> float:
    """``value`` as a float, which it is or can be.

    >>> real("alpha", 1)
    1.0
    """
    is_many = isinstance(value, (str, bytes, bytearray)) or bool(getattr(value, "ndim", 0))
    try:
        return float("" if is_many else value)
    except (TypeError, ValueError):
        raise UsageError(f"{what} {shown(value)}: a number is meant") from None
    except OverflowError:
        raise UsageError(f"{what} {shown(value)}: larger than any float") from None


def flag(what: str, value: object) -> bool:
    """``value`` as a bool: True, False, 1 or 0.

    >>> flag("signed", 1)
    True
    """
    is_bool = isinstance(value, int) or type(value).__name__ in ("bool", "bool_")  # NumPy's
    if not is_bool or value not in (0, 1):
        raise UsageError(f"{what} {shown(value)}: True or False is meant")
    return bool(value)


def listed(what: str, values: Any) -> tuple[Any, ...]:
    """``values`` as a tuple."""
    try:
        if not isinstance(values, (str, bytes, bytearray)):
            return tuple(values)
    except TypeError:
        pass
    raise UsageError(f"{what} {shown(values)}: a list of values is meant")


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
    return nearest(_OTHER_NAMES.get(bare, bare if bare in known else word.lower()), known)


def nearest(word: str, known: Sequence[str], likeness: float = 0.6) -> str:
    """Say which known word is written most like ``word``, or nothing.

    >>> nearest("stirde", ["size", "stride"])
    '; did you mean stride?'
    """
    from difflib import get_close_matches  # costs a millisecond that only mistakes need

    near = get_close_matches(word, known, n=1, cutoff=likeness)
    return f"; did you mean {near[0]}?" if near else ""


# What other programs and libraries call things; the rest is near enough to be guessed.
_OTHER_NAMES = {
    "average": "avg",
    "maximum": "max",
    "minimum": "min",
    "total": "sum",
}
