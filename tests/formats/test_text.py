"""Text matrices: numbers survive the way out and back, in every shape and type."""

import io
from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import InputError
from poolcli.formats.readers import parse_matrix, read_file, read_stdin
from poolcli.formats.settings import Reading
from poolcli.formats.sinks import write_file, write_stream
from poolcli.formats.text import format_plain

RNG = np.random.default_rng(5)
SHAPES = [(3, 4), (1, 5), (5, 1), (4,), (2, 3, 4), (2, 1, 3, 2), (0, 4), (2, 0), (0,), (1, 1)]
EXTENSIONS = [".csv", ".tsv", ".txt"]
WHOLE = ["?", "i1", "u1", "i8", ">i4", "u8"]
REAL = ["f2", "f4", "f8", ">f4"]


def values(dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    if np.dtype(dtype).kind == "f":
        return (RNG.standard_normal(shape) * 100).astype(dtype)
    return RNG.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", WHOLE + REAL)
def test_round_trip(dtype: str, shape: tuple[int, ...], extension: str, tmp_path: Path) -> None:
    array = values(dtype, shape)
    path = tmp_path / f"a{extension}"
    write_file(str(path), array)
    (loaded,) = read_file(str(path))
    assert (loaded.kind, loaded.format, loaded.layout) == ("text", extension, None)
    assert loaded.array.shape == shape
    assert loaded.array.dtype == (np.int64 if dtype in WHOLE and array.size else np.float64)
    np.testing.assert_array_equal(loaded.array.astype(array.dtype), array)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (2, 2, 2, 5)], ids=str)
def test_numpy_reads_the_rows(shape: tuple[int, ...]) -> None:
    array = values("f4", shape)
    rows = np.loadtxt(list(format_plain(array)), dtype=np.float32)
    np.testing.assert_array_equal(rows, array.reshape(-1, shape[-1]))


@pytest.mark.parametrize(
    ("array", "lines"),
    [
        (np.array([[6, 4], [4, 4]]), ["6 4", "4 4"]),
        (np.array([[True, False]]), ["1 0"]),
        (np.array(2.5), ["2.5"]),
        (np.array([0.1, 1e20], np.float32), ["# shape: 2", "0.1 1e+20"]),
        (np.array([[0.1, np.nan, -np.inf]], np.float16), ["0.1 nan -inf"]),
        (np.array([[1 / 3]]), ["0.3333333333333333"]),
        (np.array([[1 / 3]], ">f4"), ["0.33333334"]),
        (np.array([[2**64 - 1]], np.uint64), ["18446744073709551615"]),
        (np.arange(4).reshape(2, 1, 2), ["# shape: 2x1x2", "# [0]", "0 1", "# [1]", "2 3"]),
        (np.empty((0, 3)), ["# shape: 0x3"]),
    ],
    ids=str,
)
def test_plain_lines(array: np.ndarray, lines: list[str]) -> None:
    assert list(format_plain(array)) == lines


def test_special_floats_come_back() -> None:
    array = np.array([[np.nan, np.inf, -np.inf, -0.0, 5e-324, 1.7976931348623157e308]])
    stream = io.BytesIO()
    write_stream(stream, array, format=".csv")
    (loaded,) = read_stdin(io.BytesIO(stream.getvalue()))
    assert loaded.array.tobytes() == array.tobytes()


def test_several_shapes_are_several_arrays() -> None:
    arrays = [np.eye(2, dtype=int), np.arange(6).reshape(1, 2, 3), np.arange(3)]
    lines = list(format_plain(arrays[0]))
    for array in arrays[1:]:
        lines += ["# a remark", *format_plain(array)]
    loaded = list(read_stdin(io.BytesIO("\n".join(lines).encode())))
    assert [item.label for item in loaded] == ["-", "-#2", "-#3"]
    for item, array in zip(loaded, arrays, strict=True):
        np.testing.assert_array_equal(item.array, array)


@pytest.mark.parametrize(
    ("typed", "rows"),
    [
        ("1 3; 5 6", [[1, 3], [5, 6]]),
        ("1,3;5,6", [[1, 3], [5, 6]]),
        ("1 3\n5 6\n", [[1, 3], [5, 6]]),
        (" 1 3 ;5 6; ", [[1, 3], [5, 6]]),
        ("[[1, 3], [5, 6]]", [[1, 3], [5, 6]]),
        ("[1 3; 5 6]", [[1, 3], [5, 6]]),
        ("[[1 3]\n [5 6]]", [[1, 3], [5, 6]]),
        ("1 2 3", [[1, 2, 3]]),
        ("0.5 nan", [[0.5, np.nan]]),
        ("-7", [[-7]]),
    ],
)
def test_typed_matrices(typed: str, rows: list[list[float]]) -> None:
    loaded = parse_matrix(typed)
    np.testing.assert_array_equal(loaded.array, np.array(rows))
    assert (loaded.kind, loaded.array.ndim) == ("text", 2)


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("", 'it holds no numbers; type rows as "1 3; 5 6"'),
        ("1 2; 3", "row 2 has 1 number, row 1 has 2"),
        ("1 a", "row 1, column 2: 'a' is no number"),
        ("1 1e999", "row 1: 1e999 is too large"),
    ],
)
def test_typed_nonsense(typed: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^matrix: {message}"):
        parse_matrix(typed)


def test_an_endless_text_is_refused_by_its_first_row() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return b"y\n" * max(1, size // 2)

    with pytest.raises(InputError, match="^-: line 1, column 1: 'y' is no number"):
        list(read_stdin(Endless()))  # type: ignore[arg-type]


def test_an_endless_text_of_numbers_meets_the_limit() -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            return b"1\n" * max(1, size // 2)

    with pytest.raises(InputError, match=r"^-: more than 4\.0 MiB came"):
        list(read_stdin(Endless(), Reading(max_bytes=2**22)))  # type: ignore[arg-type]


def test_a_large_matrix() -> None:
    array = RNG.random((400, 1000))
    stream = io.BytesIO()
    write_stream(stream, array, format=".txt")
    (loaded,) = read_stdin(io.BytesIO(stream.getvalue()))
    np.testing.assert_array_equal(loaded.array, array)
