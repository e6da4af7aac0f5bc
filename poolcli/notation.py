"""Window options as people write them: ``2``, ``2x3``, ``1:2,0:1``, ``same``.

Text in, numbers out. Whether a size has one number for each axis, or fits the array at all, is
the plan's to say: only the plan knows the layout. Standard library only.
"""

from __future__ import annotations

from poolcli.errors import UsageError
from poolcli.geometry import PADDING_WORDS, Padding
from poolcli.windows import Fitted, Share

# No axis is that long, and sums of a few such numbers still fit a machine's index.
LARGEST = 2**60


def parse_counts(text: str, what: str, *, least: int = 1) -> int | tuple[int, ...]:
    """Read ``N`` (for every axis) or ``HxW``, ``DxHxW`` (one number for each axis).

    Commas and brackets are read, too: ``2,3``, ``(2, 3)``, as Python writes sizes.

    Parameters
    ----------
    text: as typed.
    what: what the message calls it, such as ``size``.
    least: the smallest number that means something.

    Raises
    ------
    UsageError: not a number, too small or too large.

    >>> parse_counts("2", "size")
    2
    >>> parse_counts("2x3", "size")
    (2, 3)
    >>> parse_counts("(2, 3)", "size")
    (2, 3)
    >>> parse_counts("2x0", "size")
    Traceback (most recent call last):
    poolcli.errors.UsageError: size 2x0: numbers here start at 1, not 0
    """
    asked = f"{what} {shorten(text)}"
    numbers = [_number(part, asked, least) for part in _split_axes(text)]
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def parse_output_size(text: str, what: str) -> int | tuple[int, ...] | Share | Fitted:
    """Read ``7`` or ``7x5``, or what keeps the aspect: ``600x`` (high), ``x400`` (wide), ``25%``.

    >>> parse_output_size("7x5", "output-size"), parse_output_size("x400", "output-size")
    ((7, 5), Fitted(number=400, axis=1, axes=2))
    >>> parse_output_size("12.5%", "output-size")
    Share(number=1, of=8)
    """
    word = text.strip().lower().replace("×", "x")
    asked = f"{what} {shorten(text)}"
    if word.endswith("%"):
        from fractions import Fraction  # late, it takes milliseconds

        try:
            share = Fraction(word[:-1].strip()) / 100
        except (ValueError, ZeroDivisionError):
            raise UsageError(f"{asked}: a number of percent is meant, such as 25%") from None
        if not 0 < share <= LARGEST:
            raise UsageError(f"{asked}: more than 0% is meant")
        return Share(share.numerator, share.denominator)
    parts = word.split("x")
    given = [axis for axis, part in enumerate(parts) if part.strip()]
    if len(parts) in (2, 3) and len(given) == 1:
        return Fitted(_number(parts[given[0]].strip(), asked, 1), given[0], len(parts))
    return parse_counts(text, what)


def parse_longest(text: str, what: str) -> Fitted:
    """Read the most cells that the longest axis is to have.

    >>> parse_longest("1024", "longest")
    Fitted(number=1024, axis=None, axes=0)
    """
    return Fitted(_number(text.strip(), f"{what} {shorten(text)}", 1))


def parse_padding(text: str, what: str) -> Padding:
    """Read ``N``, ``HxW``, ``before:after`` for each axis, or a word such as ``same``.

    Parameters
    ----------
    text: as typed.
    what: what the message calls it.

    Raises
    ------
    UsageError: none of these.

    >>> parse_padding("1", "padding")
    1
    >>> parse_padding("0x1", "padding")
    (0, 1)
    >>> parse_padding("1:2,0:1", "padding")
    ((1, 2), (0, 1))
    >>> parse_padding("same", "padding")
    'same'
    """
    word = text.strip().lower()
    if word in PADDING_WORDS:
        return word
    if ":" in word:
        return tuple(_sides(axis, f"{what} {shorten(text)}") for axis in word.split(","))
    if "," in word:
        raise UsageError(
            f"{what} {shorten(text)}: write before:after for each axis, such as 1:2,0:1"
        )
    if word[:1].isalpha():
        from difflib import get_close_matches  # takes a millisecond that only mistakes need

        near = get_close_matches(word, PADDING_WORDS, n=1)
        advice = f"did you mean {near[0]}?" if near else f"use {', '.join(PADDING_WORDS)}"
        raise UsageError(f"{what} {shorten(text)}: no such word; {advice}")
    return parse_counts(word, what, least=0)


Levels = tuple[int | tuple[int, ...], ...]


def parse_levels(text: str, what: str) -> Levels:
    """Read the levels of a pyramid, each one as a size is written.

    >>> parse_levels("1,2,4x2", "levels")
    (1, 2, (4, 2))
    """
    return tuple(parse_counts(level, what) for level in text.split(","))


def parse_whole(text: str, what: str) -> int:
    """Read one whole number.

    >>> parse_whole("7", "seed")
    7
    """
    try:
        return int(text) if len(text) <= 20 else int("")
    except ValueError:
        raise UsageError(f"{what}={shorten(text)}: a whole number is meant") from None


def parse_truth(text: str, what: str) -> bool:
    """Read yes or no.

    >>> parse_truth("yes", "signed")
    True
    """
    meanings = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in meanings:
        raise UsageError(f"{what}={shorten(text)}: yes or no is meant")
    return meanings[text.lower()]


def shorten(text: str, limit: int = 40) -> str:
    """Cut what the user typed to a length that leaves the message readable.

    >>> shorten("9" * 50, limit=8)
    '99999999…'
    """
    return text if len(text) <= limit else text[:limit] + "…"


def _split_axes(text: str) -> list[str]:
    text = text.strip().lower()
    if (text[:1], text[-1:]) in (("(", ")"), ("[", "]")):
        # Python writes one number for one axis with a comma after it: (2,).
        text = text[1:-1].strip().removesuffix(",")
    return text.split(",") if "," in text else text.replace("×", "x").split("x")


def _number(part: str, asked: str, least: int) -> int:
    digits = part.strip()
    sign = digits[:1] if digits[:1] in ("-", "+") else ""
    if not digits.isascii() or not digits[len(sign) :].isdigit():
        raise UsageError(f"{asked}: {shorten(digits)!r} is not a whole number")
    # Python refuses to read thousands of digits, so their count is looked at first.
    if len(digits) > len(str(LARGEST)) + 1 or abs(int(digits)) > LARGEST:
        raise UsageError(f"{asked}: larger than any axis can be")
    number = int(digits)
    if number < least:
        raise UsageError(f"{asked}: numbers here start at {least}, not {number}")
    return number


def _sides(axis: str, asked: str) -> tuple[int, int]:
    sides = axis.split(":")
    if len(sides) != 2:
        raise UsageError(f"{asked}: write before:after for each axis, such as 1:2,0:1")
    return _number(sides[0], asked, 0), _number(sides[1], asked, 0)
