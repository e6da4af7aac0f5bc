"""Tables as spreadsheets write them: headings, quotes, empty cells, decimal commas.

What is no plain matrix is turned into one here, and what was assumed is said. Nothing is guessed
that numbers contradict: a heading is a first line that cannot be numbers above one that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from poolcli.errors import InputError, UsageError
from poolcli.formats.settings import SNIFFED, Dialect

MISSING = frozenset(("", "NA", "N/A", "n/a", "<NA>", "null", "NULL", "None"))
"""Words that mean a missing number; more of them are a :class:`Dialect`'s."""

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_SHOWN = 3

Lines = list[tuple[int, str]]  # line numbers in the file, counted from 1, and texts without comment

DELIMITERS = {"tab": "\t", "space": " ", "comma": ",", "semicolon": ";"}

Words = list[tuple[int, list[str]]]  # line numbers in the file, and what stands in their columns


class Table(NamedTuple):
    """Rows of numbers, separated by tabs, and what was assumed to find them, in one sentence."""

    rows: Lines
    assumed: tuple[str, ...]


def dialect_of(
    delimiter: str | None, skip_header: int | None, missing: Sequence[str] | None
) -> Dialect:
    """Give the dialect that was asked for. Raises UsageError.

    >>> dialect_of("semicolon", 2, ["-"])
    Dialect(delimiter=';', skip_header=2, missing=('-',))
    """
    if delimiter is not None:
        delimiter = DELIMITERS.get(delimiter, delimiter)
        if len(delimiter) != 1 or delimiter in '"#\r\n' or delimiter.isalnum():
            known = ", ".join(DELIMITERS)
            raise UsageError(f"`delimiter={delimiter!r}`: it is one character, or {known}")
    if skip_header is not None and skip_header < 0:
        raise UsageError(f"`skip_header={skip_header}`: a number of lines is 0 or more")
    return SNIFFED._replace(
        delimiter=delimiter, skip_header=skip_header, missing=tuple(missing or ())
    )


def as_numbers(lines: Lines, dialect: Dialect) -> Table:
    """Turn the rows of a table into rows of numbers; a missing number becomes nan.

    What is no number after that is left as it is, for who reads the numbers to refuse.
    """
    after = dialect.skip_header or 0
    lines = [(number, line) for number, line in lines if number > after]
    if not lines:
        raise InputError(f"it holds no numbers after line {after}")
    # The first row may be a heading.
    separator = separator_of(lines[:2][-1][1]) if dialect.delimiter is None else dialect.delimiter
    separator = None if separator == " " else separator  # several of them are one
    rows = [(number, _split(line, separator)) for number, line in lines]
    missing = MISSING.union(dialect.missing)
    assumed = [
        *_leave_out_last_column(rows),
        *_use_points(rows, separator),
        *(_leave_out_heading(rows, missing) if dialect.skip_header is None else ()),
        *_fill(rows, missing, dialect.missing),
    ]
    said = (f"assumed: {'; '.join(assumed)}",) if assumed else ()
    return Table([(number, "\t".join(words)) for number, words in rows], said)


def separator_of(row: str) -> str | None:
    """Return the column separator of a row; None stands for any white space."""
    for separator in ";\t,":
        if separator in row.strip():
            return separator
    return None


def _split(line: str, separator: str | None) -> list[str]:
    if separator is not None and '"' in line:
        import csv  # late: few tables have quotes

        return [word.strip() for word in next(csv.reader([line.strip()], delimiter=separator))]
    return [word.strip().strip('"') for word in line.strip(" ").split(separator)]


def _leave_out_last_column(rows: Words) -> Iterator[str]:
    """Drop what every row ends with: a separator and nothing after it."""
    if all(len(words) > 1 and not words[-1] for _, words in rows):
        for _, words in rows:
            words.pop()
        yield "every line ends with a separator, after which there is no column"


def _use_points(rows: Words, separator: str | None) -> Iterator[str]:
    """Turn decimal commas into points, where commas do not separate and nothing has a point."""
    words = [word for _, row in rows for word in row]
    commas = any(map(_DECIMAL_COMMA.fullmatch, words))
    if separator == "," or not commas or any(map(_has_point, words)):
        return
    for _, row in rows:
        row[:] = [
            word.replace(",", ".") if _DECIMAL_COMMA.fullmatch(word) else word for word in row
        ]
    yield "commas are decimal points"


def _has_point(word: str) -> bool:
    return "." in word and _is_number(word)


def _leave_out_heading(rows: Words, missing: frozenset[str]) -> Iterator[str]:
    if len(rows) < 2:
        return
    (number, heading), (_, first) = rows[:2]
    if len(heading) != len(first) or all(_is_number(word) or word in missing for word in heading):
        return
    if any(map(_is_number, first)) and all(_is_number(w) or w in missing for w in first):
        del rows[0]
        shown = ", ".join(heading[:_SHOWN]) + (", …" if len(heading) > _SHOWN else "")
        yield f"line {number} is a heading ({shown[:60]})"


def _fill(rows: Words, missing: frozenset[str], known: tuple[str, ...]) -> Iterator[str]:
    """Write nan for what is missing; that is no assumption where the words were given."""
    filled, met = 0, set()
    for _, words in rows:
        for column, word in enumerate(words):
            if word in missing:
                words[column] = "nan"
                filled += word not in known
                met.add(word or "empty")
    if filled:
        cells = "1 cell has" if filled == 1 else f"{filled} cells have"
        yield f"{cells} no number ({', '.join(sorted(met))}) and became nan"


def _is_number(word: str) -> bool:
    try:
        float(word.replace("_", "?"))
    except ValueError:
        return False
    return True
