"""The .npy door: NumPy's own files and bytes, every number type, order and kind of stream."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import InputError, OutputError
from poolcli.formats import npy
from poolcli.formats.npy_header import NpyHeader, read_header
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.settings import Reading
from poolcli.formats.sinks import write_file, write_stream

DTYPES = ("?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "g")
ARRAYS = {
    "matrix": np.arange(12).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(24).reshape(2, 3, 4)),
    "every second": np.arange(40).reshape(4, 10)[::2, ::2],
    "reversed": np.arange(6)[::-1],
    "no cells": np.empty((0, 4)),
    "one number": np.array(7),
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
}


def only(path: Path) -> np.ndarray:
    (loaded,) = read_file(str(path))
    return loaded.array


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_round_trip(dtype: str, name: str, order: str, tmp_path: Path) -> None:
    array = ARRAYS[name].astype(np.dtype(dtype).newbyteorder(order), order="K")
    path = tmp_path / "a.npy"
    write_file(str(path), array)
    for read in (only(path), np.load(path)):
        assert read.dtype == array.dtype
        assert read.dtype.str == array.dtype.str
        np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("name", ARRAYS)
def test_bytes_are_those_numpy_writes(name: str) -> None:
    array = np.ascontiguousarray(ARRAYS[name]) if ARRAYS[name].ndim else ARRAYS[name]
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_stream(ours, array)
    np.save(theirs, array)
    assert ours.getvalue() == theirs.getvalue()


def test_large_views_are_written_in_blocks(tmp_path: Path) -> None:
    array = np.arange(3 * 700 * 800, dtype=np.float32).reshape(3, 700, 800).transpose(2, 0, 1)
    write_file(str(tmp_path / "a.npy"), array)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)


def test_fortran_order_is_kept_without_a_copy(tmp_path: Path) -> None:
    np.save(tmp_path / "f.npy", ARRAYS["fortran"])
    array = only(tmp_path / "f.npy")
    assert array.flags.f_contiguous
    assert not array.flags.c_contiguous
    assert not array.flags.owndata


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version(version: tuple[int, int], tmp_path: Path) -> None:
    with open(tmp_path / "v.npy", "wb") as file:
        np.lib.format.write_array(file, ARRAYS["matrix"], version)
    np.testing.assert_array_equal(only(tmp_path / "v.npy"), ARRAYS["matrix"])


def test_header_says_all_before_any_data_is_read() -> None:
    stream = io.BytesIO()
    np.save(stream, ARRAYS["fortran"].astype(">f4"))
    stream.seek(0)
    header = read_header(stream)
    assert header == NpyHeader((2, 3, 4), np.dtype(">f4"), True, 128, 96)
    assert stream.tell() == header.data_offset


def test_memory_limit_is_checked_before_allocation(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros(1000))
    with pytest.raises(InputError, match="it needs 8000 bytes of memory, and 7999 bytes are"):
        next(read_file(str(tmp_path / "a.npy"), Reading(max_bytes=7999))).array  # noqa: B018 - it reads
    assert next(read_file(str(tmp_path / "a.npy"), Reading(max_bytes=8000))).array.shape == (1000,)


class Shrinking(io.BytesIO):
    """A file that ends earlier than its size said."""

    def readinto(self, buffer: object, /) -> int:
        return 0


def test_a_file_that_shrinks_while_read() -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(10))
    with pytest.raises(InputError, match="header says 10 float64 = 80 bytes, and only 0 came"):
        npy.read_array(Shrinking(stream.getvalue()), len(stream.getvalue()))


def test_arrays_in_a_row_come_through_a_pipe() -> None:
    read_end, write_end = os.pipe()

    def write() -> None:
        with open(write_end, "wb") as sink:
            for array in ARRAYS.values():
                write_stream(sink, array)

    writer = threading.Thread(target=write)
    writer.start()
    with open(read_end, "rb") as source:
        loaded = list(read_stdin(source))
    writer.join()
    assert [item.label for item in loaded] == ["-", *(f"-#{n}" for n in range(2, 8))]
    for item, array in zip(loaded, ARRAYS.values(), strict=True):
        np.testing.assert_array_equal(item.array, array)


def test_the_first_array_does_not_wait_for_the_second() -> None:
    read_end, write_end = os.pipe()
    with open(read_end, "rb") as source, open(write_end, "wb") as sink:
        write_stream(sink, np.array([5], np.uint8))  # and the pipe stays open
        np.testing.assert_array_equal(next(read_stdin(source)).array, [5])


def test_a_second_array_that_is_none() -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(2))
    arrays = read_stdin(io.BytesIO(stream.getvalue() + b"and some text"))
    assert next(arrays).array.shape == (2,)
    with pytest.raises(InputError, match="^-#2: it does not begin like an .npy file$"):
        next(arrays)


def test_a_truncated_pipe() -> None:
    stream = io.BytesIO()
    np.save(stream, np.zeros(10))
    with pytest.raises(InputError, match="^-: header says 10 float64 = 80 bytes, and only 76 came"):
        list(read_stdin(io.BytesIO(stream.getvalue()[:-4])))


def test_a_closed_pipe_is_a_broken_pipe() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    sink = open(write_end, "wb", buffering=0)  # noqa: SIM115 (closing may fail, too)
    with pytest.raises(BrokenPipeError):
        write_stream(sink, np.zeros(100_000))
    sink.close()


class OneByteAtATime(io.RawIOBase):
    """An unbuffered stream that takes and gives little."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        self.data += bytes(memoryview(data)[:7])  # type: ignore[arg-type]
        return min(7, len(memoryview(data)))  # type: ignore[arg-type]

    def read(self, size: int = -1, /) -> bytes:
        piece, self.data = self.data[:1], self.data[1:]
        return piece


def test_partial_reads_and_writes() -> None:
    stream = OneByteAtATime()
    write_stream(stream, ARRAYS["matrix"])  # type: ignore[arg-type]
    (loaded,) = read_stdin(OneByteAtATime(stream.data))  # type: ignore[arg-type]
    np.testing.assert_array_equal(loaded.array, ARRAYS["matrix"])


@pytest.mark.parametrize("dtype", ["O", "U3", "c8", "M8[s]", "f4,i4"])
def test_what_is_no_number_is_not_written(dtype: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.npy: an array of .* cannot be written"):
        write_file(str(tmp_path / "a.npy"), np.zeros(2, dtype))
    assert list(tmp_path.iterdir()) == []
