"""Matrices as text: .csv, .tsv, .txt and what poolcli prints itself.

A ``# shape: 2x3x4`` comment says that the rows after it are the slices of one array, and begins a
new array; every other comment is skipped. ``numpy.loadtxt`` reads the same text as a 2-D matrix.
"""

import os
import re
from collections.abc import Callable, Iterator

import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.formats.base import OpenFile, Source, SourceInfo, in_memory
from poolcli.formats.dialect import Lines, as_numbers, separator_of
from poolcli.formats.guard import check_memory, reading
from poolcli.formats.settings import SNIFFED, Dialect, Reading

_SHAPE = r"\s*#\s*shape:\s*(\d{1,18}(?:x\d{1,18}){0,31})\s*"
_WHOLE_NUMBER_BYTES = b"0123456789+-,; \t\n"


# A byte of text becomes so many at most while it is read.
_PARSED = 8
_USUAL = ".txt"
_FIRST_ROWS = 3


class TextFile(OpenFile):
    """A text file, which has no header: all of it has to be read to tell what it holds."""

    has_header = False

    @property
    def most_bytes(self) -> int:
        """About how much memory reading takes at most."""
        return _PARSED * self.opened.nbytes

    def sources(self) -> Iterator[Source]:
        """Give its matrices, and the arrays whose shapes comments tell."""
        file, label, row, settings, _ = self.opened
        extension = os.path.splitext(label)[1].lower()
        with reading(label):
            check_memory(self.opened.nbytes, settings.max_bytes)
            arrays = list(read_text(file.read(), settings.dialect))
        for number, (array, notes) in enumerate(arrays, 1):
            array = meant(array, settings)
            this = label if number == 1 else f"{label}#{number}"
            known = extension if extension in row.extensions else _USUAL
            info = SourceInfo(this, array.shape, array.dtype, row, known, notes=notes)
            yield in_memory(info, array)


def meant(array: np.ndarray, settings: Reading) -> np.ndarray:
    """Return text of one row or column as an array of one axis, where such arrays are meant."""
    if settings.members.small and array.ndim == 2 and 1 in array.shape:
        return array.reshape(-1)
    return array


def encode(array: np.ndarray, extension: str, *_: object) -> Iterator[bytes | memoryview]:
    """Return the bytes of a text file, line by line."""
    if array.dtype.kind not in "biuf":
        raise OutputError(
            f"an array of {array.dtype} cannot be written; numbers and bool can", code="not_held"
        )
    lines = format_plain(array, SEPARATORS[extension])
    return (f"{line}\n".encode("ascii") for line in lines)


def read_text(
    data: bytes, dialect: Dialect = SNIFFED
) -> Iterator[tuple[np.ndarray, tuple[str, ...]]]:
    """Yield the arrays of a text: one matrix, or one array for every ``# shape:`` comment.

    With each comes what was assumed to read it. Whole numbers give int64 (uint64 where needed),
    others float64. Separators are ``;``, tab, ``,`` or white space, as the first row has them.
    """
    lines = decode(data).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    blocks = _blocks(lines) if b"#" in data else [(None, list(enumerate(lines, 1)))]
    found = False
    for shape, numbered in blocks:
        rows = [(number, row) for number, row in numbered if row and not row.isspace()]
        if shape is None and not rows:
            continue
        found = True
        if not rows:
            yield _empty(shape or ()), ()
            continue
        matrix, notes = _table(rows, dialect)
        yield _restored(matrix, shape), notes
    if not found:
        raise InputError("it holds no numbers")


def decode(data: bytes) -> str:
    """Return the text without its byte order mark; only UTF-8 is read."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError("it is UTF-16 text; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"it is no UTF-8 text: byte 0x{data[error.start]:02x} at position {error.start}"
        ) from error
    if "\0" in text:
        raise InputError(f"it is no text: a zero byte at position {text.index(chr(0))}")
    return text


def check_start(data: bytes, dialect: Dialect = SNIFFED) -> None:
    """Refuse a long text by its first rows, so that nobody waits for the end of an endless one."""
    lines = data[: data.rfind(b"\n") + 1].decode("utf-8-sig", "replace").splitlines()
    blocks = ([row for row in block if row[1].strip()] for _, block in _blocks(lines))
    rows = next(filter(None, blocks), [])[:_FIRST_ROWS]
    if rows and rows[-1][0] > (dialect.skip_header or 0):
        _table(rows, dialect)


def _blocks(lines: list[str]) -> Iterator[tuple[tuple[int, ...] | None, Lines]]:
    """Split at the ``# shape:`` comments; take all comments out."""
    shape: tuple[int, ...] | None = None
    block: Lines = []
    for number, line in enumerate(lines, 1):
        if "#" in line:
            said = re.fullmatch(_SHAPE, line)
            if said:
                yield shape, block
                shape, block = tuple(map(int, said[1].split("x"))), []
            line = line.partition("#")[0]
        block.append((number, line))
    yield shape, block


def _table(rows: Lines, dialect: Dialect) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the rows as a 2-D matrix, and what was assumed of how they are written."""
    refused: InputError | None = None
    if dialect == SNIFFED:
        try:
            return _matrix(rows), ()
        except InputError as error:
            refused = error
    table = as_numbers(rows, dialect)
    if refused is not None and not table.assumed:
        raise refused
    return _matrix(table.rows, "\t"), table.assumed


def _matrix(rows: Lines, separator: str | None = None) -> np.ndarray:
    """Return the rows as a 2-D matrix; without a separator they have that of the first row."""
    separator = separator or separator_of(rows[0][1])
    texts = [row for _, row in rows]
    if any(row.encode().translate(None, _WHOLE_NUMBER_BYTES) for row in texts):
        matrix = _load(rows, texts, separator, np.float64, float)
        if np.isinf(matrix).any():
            _refuse_overflow(rows, separator)
        return matrix
    try:
        return _load(rows, texts, separator, np.int64, int)
    except OverflowError:
        return _load(rows, texts, separator, np.uint64, _uint64)


def _load(
    rows: Lines,
    texts: list[str],
    separator: str | None,
    dtype: type[np.generic],
    number: Callable[[str], object],
) -> np.ndarray:
    """Parse with NumPy's C reader; where that fails, find the place and say it in our words."""
    try:
        return np.loadtxt(texts, dtype, comments=None, delimiter=separator, ndmin=2)
    except ValueError:
        columns = len(_split(texts[0], separator))
        for line, row in rows:
            words = _split(row, separator)
            _check_numbers(words, line, number)
            if len(words) != columns:
                raise InputError(
                    f"line {line} has {_count(len(words))}, line {rows[0][0]} has {columns};"
                    " all rows of a matrix need the same count"
                ) from None
        if dtype is np.int64:
            raise OverflowError from None
        raise


def _uint64(word: str) -> int:
    value = int(word)
    if not 0 <= value < 2**64:
        raise InputError(
            f"{word[:40]} does not fit with the others into 64 bits; write it with a decimal point"
            " to read all numbers as float64"
        )
    return value


def _check_numbers(words: list[str], line: int, number: Callable[[str], object]) -> None:
    for column, word in enumerate(words, 1):
        where = f"line {line}, column {column}"
        if not word:
            raise InputError(f"{where}: there is no number; write nan for a missing value")
        try:
            number(word.replace("_", "?"))  # Python reads 1_000, and no other reader of text does
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        except ValueError as error:
            hint = "; write decimals with a point" if re.fullmatch(r"[+-]?\d+,\d+", word) else ""
            if line == 1 and not hint:
                hint = "; begin a heading with #, or say `skip_header=1`"
            raise InputError(f"{where}: {word[:40]!r} is no number{hint}") from error


def _refuse_overflow(rows: Lines, separator: str | None) -> None:
    for line, row in rows:
        for word in _split(row, separator):
            if float(word) in (np.inf, -np.inf) and "inf" not in word.lower():
                raise InputError(f"line {line}: {word[:40]} is too large for float64")


def _split(row: str, separator: str | None) -> list[str]:
    return [word.strip() for word in row.split(separator)]


def _count(n: int) -> str:
    return "1 number" if n == 1 else f"{n} numbers"


def _restored(matrix: np.ndarray, shape: tuple[int, ...] | None) -> np.ndarray:
    if shape is None:
        return matrix
    said = "x".join(map(str, shape))
    if 0 in shape or matrix.size != np.prod([float(n) for n in shape]):
        raise InputError(f"its comment says shape {said}, and {_count(matrix.size)} follow")
    return matrix.reshape(shape)


def _empty(shape: tuple[int, ...]) -> np.ndarray:
    if 0 not in shape:
        said = "x".join(map(str, shape))
        raise InputError(f"its comment says shape {said}, and no numbers follow")
    return np.empty(shape, np.float64)


def parse_matrix_text(text: str) -> np.ndarray:
    """Return the matrix typed as ``1 3; 5 6`` or as ``[[1, 3], [5, 6]]``.

    >>> parse_matrix_text("1 3; 5 6").tolist()
    [[1, 3], [5, 6]]
    """
    rows = text.strip()
    if rows.startswith("["):
        rows = re.sub(r"\]\s*[,;]?\s*\[", ";", rows).strip("[] \t\n")
    rows = rows.replace(",", " ").replace(";", "\n")
    numbered = [(number, row) for number, row in enumerate(rows.split("\n"), 1) if row.strip()]
    if not numbered:
        raise InputError('it holds no numbers; type rows as "1 3; 5 6"')
    try:
        return _matrix(numbered)
    except InputError as error:
        raise InputError(str(error).replace("line ", "row ")) from error


def format_plain(array: np.ndarray, separator: str = " ") -> Iterator[str]:
    """Yield the lines of an array as text, without line ends.

    A matrix is just its rows. Any other shape begins with a ``# shape:`` comment, and its slices
    are marked by comments, so that poolcli restores the shape and ``numpy.loadtxt`` reads the rows.
    Whole numbers and bool (0, 1) are written as such, floats in the shortest form that reads back
    to the same value of their own dtype.

    >>> list(format_plain(np.array([[6, 4], [4, 4]])))
    ['6 4', '4 4']
    >>> list(format_plain(np.array([0.5, 2], np.float32)))
    ['# shape: 2', '0.5 2.0']
    """
    if array.ndim not in (0, 2) or array.size == 0:
        yield "# shape: " + "x".join(map(str, array.shape))
    if array.size == 0:
        return
    if array.ndim < 2:
        yield separator.join(_words(array.reshape(-1)))
        return
    for index in np.ndindex(array.shape[:-2]):
        if index:
            yield f"# [{', '.join(map(str, index))}]"
        for row in array[index]:
            yield separator.join(_words(row))


def _words(row: np.ndarray) -> list[str]:
    if row.dtype.kind == "b":
        return ["1" if value else "0" for value in row.tolist()]
    if row.dtype.kind in "iu" or row.dtype.itemsize == 8:
        return list(map(repr, row.tolist()))
    return list(row.astype(row.dtype.newbyteorder("=")).astype(np.str_).tolist())


SEPARATORS = {".csv": ",", ".tsv": "\t", ".txt": " "}
