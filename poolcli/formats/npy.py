"""The .npy format: arrays in memory, and boxes of arrays that stay on disk."""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.base import Decoded, OpenFile, Source, SourceInfo, in_memory
from poolcli.formats.description import NewArray
from poolcli.formats.guard import (
    check_memory,
    explain_error,
    reading,
    writing,
)
from poolcli.formats.npy_header import (
    NpyHeader,
    Readable,
    header_bytes,
    read_header,
)
from poolcli.formats.settings import Reading

CHUNK = 1 << 20


class Reader(Readable, Protocol):
    """What an array is read from."""

    def readinto(self, buffer: Any, /) -> int | None: ...


class Stream(Reader, Protocol):
    """What arrays are read from one after another."""

    def peek(self, size: int, /) -> bytes: ...


class Writable(Protocol):
    """What an array is written to."""

    def write(self, data: Any, /) -> int: ...


def read_array(
    file: Reader, size: int | None = None, max_bytes: int | None = None, whole: str = "the file"
) -> np.ndarray:
    """Read one array, header first, at the file's position.

    ``size`` is the length in bytes of the ``whole`` where that is known; the header must agree with
    it. On a pipe it is None, and the data are simply the next ``nbytes``. ``max_bytes`` bounds the
    memory taken (None: what is free). The array keeps its byte order and, without a copy, its
    Fortran order.
    """
    header = read_header(file)
    if size is not None:
        check_size(header, size, whole)
    check_memory(header.nbytes, max_bytes)
    data = np.empty(header.nbytes, np.uint8)
    fill(file, data, header)
    array = data.view(header.dtype) if header.nbytes else np.empty(header.shape, header.dtype)
    check_bools(array)
    return array.reshape(header.shape, order="F" if header.fortran_order else "C")


def check_bools(array: np.ndarray) -> None:
    """Refuse bools that are neither 0 nor 1, which NumPy computes nonsense with."""
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        wrong = array.view(np.uint8).max()
        raise InputError(f"a bool is 0 or 1, and its data hold {wrong}; save it as uint8")


def check_size(header: NpyHeader, size: int, whole: str) -> None:
    """Refuse a header that does not agree with the ``size`` in bytes of the ``whole``."""
    held = size - header.data_offset
    said = f"header says {header} = {header.nbytes} bytes, {whole} has {held}"
    if held < header.nbytes:
        raise InputError(f"{said}; it is truncated")
    if held > header.nbytes:
        raise InputError(f"{said}; several arrays in a row are read from a pipe, as -")


def fill(file: Reader, data: np.ndarray, header: NpyHeader) -> None:
    """Fill the flat byte array from the file, or say where the file ended."""
    view = data.data
    done = 0
    while done < len(view):
        # In pieces, so that of a pipe's false claim only the pages really filled are taken.
        count = file.readinto(view[done : done + CHUNK])
        if not count:
            raise InputError(
                f"header says {header} = {header.nbytes} bytes, and only {done} came;"
                " it is truncated"
            )
        done += count


def write_array(stream: Writable, array: np.ndarray) -> None:
    """Write header and data, in C order and in the array's own dtype; works on pipes."""
    for piece in encode(array):
        write_all(stream, piece)


def encode(array: np.ndarray, *_: object) -> Iterator[bytes | memoryview]:
    """Return the bytes of a file: header, then data in C order and in the array's own dtype."""
    return itertools.chain([header_bytes(array.shape, array.dtype)], _blocks(array))


class NpyFile(OpenFile):
    """An .npy file, whose array is read in boxes where it can be; from memory it is read whole."""

    def sources(self) -> Iterator[Source]:
        """Give its array."""
        file, label, row, settings, _ = self.opened
        with reading(label):
            header = read_header(file)
            check_size(header, self.opened.nbytes, "the file")
            stored = StoredNpy(file, header)
        info = SourceInfo(label, header.shape, header.dtype, row, row.extensions[0])
        yield Source(info, lambda: Decoded(stored), max_bytes=settings.max_bytes)


def read_stream(stream: Stream, label: str, settings: Reading, row: Any) -> Iterator[Source]:
    """Read one array after another, to the end of a pipe; raises as :class:`OpenFile`."""
    for count in itertools.count(1):
        this = label if count == 1 else f"{label}#{count}"
        with reading(this):
            if not stream.peek(1):
                return
            array = read_array(stream, None, settings.max_bytes)
        yield in_memory(SourceInfo(this, array.shape, array.dtype, row, row.extensions[0]), array)


def _blocks(array: np.ndarray) -> Iterator[memoryview]:
    """Yield the bytes of the array in C order, copying at most a block at a time."""
    if array.size == 0:
        return
    if array.flags.c_contiguous:
        yield array.reshape(-1).view(np.uint8).data
        return
    rows = max(1, CHUNK * len(array) // array.nbytes)
    for first in range(0, len(array), rows):
        block = np.ascontiguousarray(array[first : first + rows])
        yield block.reshape(-1).view(np.uint8).data


def write_all(stream: Writable, data: bytes | memoryview) -> None:
    """Write all bytes, also to an unbuffered stream that takes only a part at a time."""
    view = memoryview(data)
    while len(view):
        view = view[stream.write(view) or 0 :]


Box = tuple[tuple[int, int], ...]


class Ranged(Protocol):
    """What is read by ranges, near ones as one."""

    def read_runs(self, buffer: memoryview, runs: Sequence[tuple[int, int]], /) -> None: ...


class StoredNpy:
    """An .npy file's array, read box by box; ``shape`` is in the order that it is stored in.

    ``axes[i]`` is the stored axis of the array's axis i: they are reversed in Fortran order.
    Several threads may read at once, in any order, while the file is open.
    """

    sequential = False
    chunks = None

    def __init__(self, file: BinaryIO, header: NpyHeader) -> None:
        self._file, self._header = file, header
        # Of what is far away each range is a question.
        raw = getattr(file, "raw", None)
        self._far: Ranged | None = raw if hasattr(raw, "read_runs") else None
        self._lock = threading.Lock()
        reverse = header.fortran_order
        self.shape = header.shape[::-1] if reverse else header.shape
        self.dtype = header.dtype
        count = len(header.shape)
        self.axes = tuple(range(count))[::-1] if reverse else tuple(range(count))

    def read_box(self, box: Box, out: np.ndarray[Any, Any]) -> None:
        """Fill ``out``, C-contiguous and of the box's shape and this dtype.

        Raises InputError (without the file's name) where the file has become shorter, or holds
        what is no bool.
        """
        data = out.reshape(-1).view(np.uint8).data
        parts = runs(self.shape, box, self.dtype.itemsize)
        start = self._header.data_offset
        if self._far is not None:
            self._far.read_runs(data, [(start + offset, size) for offset, size in parts])
        else:
            done = 0
            for offset, size in parts:
                self._read(data[done : done + size], start + offset)
                done += size
        check_bools(out)

    def finish(self) -> None:
        """Nothing is left to do."""

    def keep(self, nbytes: int) -> None:
        """Nothing is decoded."""

    def _read(self, buffer: memoryview, offset: int) -> None:
        while len(buffer):
            count = self._read_some(buffer, offset)
            if not count:
                raise InputError(
                    f"header says {self._header} = {self._header.nbytes} bytes, and it ends after "
                    f"{offset - self._header.data_offset}; it has become shorter"
                )
            buffer, offset = buffer[count:], offset + count

    def _read_some(self, buffer: memoryview, offset: int) -> int:
        try:
            if hasattr(os, "preadv"):
                return os.preadv(self._file.fileno(), [buffer], offset)
            with self._lock:
                os.lseek(self._file.fileno(), offset, os.SEEK_SET)
                data = os.read(self._file.fileno(), len(buffer))
                buffer[: len(data)] = data
                return len(data)
        except OSError as error:
            raise InputError(explain_error(error)) from error


class RawOutput:
    """An array in a file that is written box by box, in C order; several threads may at once.

    ``label`` names the file in errors, in which the array's data begin at ``offset``.
    """

    chunks = None

    def __init__(
        self,
        label: str,
        file: BinaryIO,
        offset: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._label, self._file, self._offset = label, file, offset
        self._lock = threading.Lock()
        self.shape, self.dtype = shape, dtype

    def write_box(self, box: Box, values: np.ndarray[Any, Any]) -> None:
        """Store ``values``, C-contiguous and of the box's shape and this dtype."""
        data = values.reshape(-1).view(np.uint8).data
        done = 0
        for offset, size in runs(self.shape, box, self.dtype.itemsize):
            self._write(data[done : done + size], self._offset + offset)
            done += size

    def complete(self) -> None:
        """Nothing is left to do."""

    def _write(self, data: memoryview, offset: int) -> None:
        while len(data):
            with writing(self._label):
                count = self._write_some(data, offset)
            data, offset = data[count:], offset + count

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.write(data)


class NpyOutput(RawOutput):
    """An .npy file that is written box by box: a new one, or one that ``is_begun`` already."""

    def __init__(self, file: BinaryIO, new: NewArray, *, is_begun: bool = False) -> None:
        header = header_bytes(new.shape, new.dtype)
        super().__init__(new.label, file, len(header), new.box_shape, new.dtype)
        if not is_begun:
            file.write(header)
            file.flush()
            reserve(file, self._offset + new.nbytes)


def join_output(file: BinaryIO, new: NewArray) -> NpyOutput:
    """Write boxes into what another process has begun."""
    return NpyOutput(file, new, is_begun=True)


def reserve(file: BinaryIO, size: int) -> None:
    """Reserve the space of a file, so that a full disk shows before the work and not after it."""
    if size and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)
    else:
        file.truncate(size)


def runs(shape: tuple[int, ...], box: Box, itemsize: int) -> Iterator[tuple[int, int]]:
    """The box's contiguous byte ranges in a C-ordered array, as (offset, size) in order.

    >>> list(runs((4, 5), ((1, 3), (0, 5)), 8))
    [(40, 80)]
    >>> list(runs((4, 5), ((1, 3), (2, 4)), 8))
    [(56, 16), (96, 16)]
    """
    if any(low >= high for low, high in box):
        return
    # From which axis on the box holds everything: from the axis before it, memory is contiguous.
    whole = len(shape)
    while whole and box[whole - 1] == (0, shape[whole - 1]):
        whole -= 1
    along = max(whole - 1, 0)
    steps = [itemsize * math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    if not shape:
        yield 0, itemsize
        return
    low, high = box[along]
    for place in itertools.product(*(range(*part) for part in box[:along])):
        start = sum(i * step for i, step in zip(place, steps, strict=False))
        yield start + low * steps[along], (high - low) * steps[along]
