"""Tables as spreadsheets write them, and what is said of them; pandas-like readers agree."""

import numpy as np
import pytest

from poolcli.errors import InputError, UsageError
from poolcli.formats.dialect import dialect_of
from poolcli.formats.settings import SNIFFED, Dialect
from poolcli.formats.text import check_start, read_text

NAN = float("nan")


def read(text: str, dialect: Dialect = SNIFFED) -> tuple[np.ndarray, tuple[str, ...]]:
    ((array, notes),) = read_text(text.encode(), dialect)
    return array, notes


@pytest.mark.parametrize(
    ("text", "rows", "said"),
    [
        ("a,b\n1,2\n3,4\n", [[1, 2], [3, 4]], ["line 1 is a heading (a, b)"]),
        ("# x\n\na,b\n1,2\n", [[1, 2]], ["line 3 is a heading (a, b)"]),
        ("a b c d\n1 2 3 4\n", [[1, 2, 3, 4]], ["line 1 is a heading (a, b, c, …)"]),
        ("1,,3\n4,5,6\n", [[1, NAN, 3], [4, 5, 6]], ["1 cell has no number (empty)"]),
        ("1,NA\nnull,4\n", [[1, NAN], [NAN, 4]], ["2 cells have no number (NA, null)"]),
        ("1,5;2\n3;4,25\n", [[1.5, 2], [3, 4.25]], ["commas are decimal points"]),
        ("1,5\t2\n,5\t-4,25e3\n", [[1.5, 2], [0.5, -4250]], ["commas are decimal points"]),
        ("1,2,\n3,4,\n", [[1, 2], [3, 4]], ["every line ends with a separator"]),
        ('"a;b";c\n"1,5";2\n', [[1.5, 2]], ["commas are decimal points", "(a;b, c)"]),
        (
            "t;v\n0;1,5\n1;\n",
            [[0, 1.5], [1, NAN]],
            ["commas are decimal points", "line 1 is a heading (t, v)", "1 cell has no number"],
        ),
        ("1;2\n;3\n", [[1, 2], [NAN, 3]], ["1 cell has no number (empty)"]),
        # No assumption is needed, and none is made.
        ("1,5\n2,5\n", [[1, 5], [2, 5]], []),
        ("nan,1\n", [[NAN, 1]], []),
        ("2001;2002\n1;2\n", [[2001, 2002], [1, 2]], []),
    ],
    ids=repr,
)
def test_what_is_assumed_is_said(text: str, rows: list[list[float]], said: list[str]) -> None:
    array, notes = read(text)
    np.testing.assert_array_equal(array, np.array(rows))
    assert array.dtype == (np.float64 if np.array(rows).dtype.kind == "f" else np.int64)
    assert len(notes) == bool(said)
    assert [part for part in said if part not in notes[0]] == []


@pytest.mark.parametrize(
    ("text", "asked", "rows"),
    [
        ("2001;2002\n1;2\n", ("semicolon", 1, None), [[1, 2]]),
        ("title\nby me\n1|-\n3|x\n", ("|", 2, ["-", "x"]), [[1, NAN], [3, NAN]]),
        ("1  2\n", ("space", None, None), [[1, 2]]),
        ("1 -9999\n", (None, None, ["-9999"]), [[1, NAN]]),
        ("1, 2\n", ("comma", 0, None), [[1, 2]]),
    ],
    ids=repr,
)
def test_what_was_asked_is_no_assumption(
    text: str, asked: tuple[str | None, int | None, list[str] | None], rows: list[list[float]]
) -> None:
    array, notes = read(text, dialect_of(*asked))
    np.testing.assert_array_equal(array, np.array(rows))
    assert notes == ()


@pytest.mark.parametrize(
    ("text", "dialect", "message"),
    [
        ("a,b\nc,d\n", SNIFFED, "line 1, column 1: 'a' is no number"),
        ("a,b\n1,2\n3,x\n", SNIFFED, "line 3, column 2: 'x' is no number"),
        ("a,b\n1,2\n3\n", SNIFFED, "line 3 has 1 number, line 2 has 2"),
        ("a,b,c\n1,2\n", SNIFFED, "line 1, column 1: 'a' is no number"),
        ("a,b\n1,2\n", Dialect(skip_header=0), "line 1, column 1: 'a' is no number"),
        ("1,2\n", Dialect(skip_header=5), "no numbers after line 5"),
    ],
)
def test_what_cannot_be_numbers_is_refused(text: str, dialect: Dialect, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text, dialect)


@pytest.mark.parametrize("asked", [("ab", None), ("", None), ("1", None), ('"', None), (None, -1)])
def test_no_dialect(asked: tuple[str | None, int | None]) -> None:
    with pytest.raises(UsageError, match="delimiter|skip_header"):
        dialect_of(*asked, None)


def test_an_endless_text_may_begin_with_a_heading() -> None:
    check_start(b"a,b\n1,2\n3,4\n5")
    check_start(b"title\n1|2\n3|4\n5", Dialect("|", 1))
    with pytest.raises(InputError, match="no number"):
        check_start(b"once upon a time\nthere was\n")
