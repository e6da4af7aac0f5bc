"""How files are read and packed: which of their arrays, how text is written, how pictures are."""

from __future__ import annotations

from typing import NamedTuple


class Members(NamedTuple):
    """Which arrays of an archive are meant where none is named.

    patterns: their names, with ``*`` and ``?`` as in the shell; none for all of them
    small: arrays of 0 and 1 axes are pooled, too, beside larger ones, and text of one row or column
        is an array of one axis
    every: all are, also those that only tell of others, and where people would have to choose
    """

    patterns: tuple[str, ...] = ()
    small: bool = False
    every: bool = False


ALL = Members()


class Dialect(NamedTuple):
    """How a table of numbers is written as text.

    delimiter: what stands between columns; None: as the rows have it
    skip_header: how many lines come before the numbers; None: one, if it cannot be numbers
    missing: more words that stand for a missing number
    """

    delimiter: str | None = None
    skip_header: int | None = None
    missing: tuple[str, ...] = ()


SNIFFED = Dialect()


class Reading(NamedTuple):
    """How files are read.

    max_bytes: bounds the memory of one array; None: what is free
    max_pixels: refuse larger pictures as possible decompression bombs; None: 178 956 970
    cmyk: give CMYK pictures as their four channels instead of turning them into RGB
    members: which arrays of an archive are meant
    dialect: how text is written
    """

    max_bytes: int | None = None
    max_pixels: int | None = None
    cmyk: bool = False
    members: Members = ALL
    dialect: Dialect = SNIFFED


DEFAULT_READING = Reading()


class Packing(NamedTuple):
    """How pictures are packed: quality 1 to 100, and a compression that the format knows."""

    quality: int | None = None
    compression: str | None = None


DEFAULT_PACKING = Packing()
