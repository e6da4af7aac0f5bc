"""Arrays that stay on disk: boxes of an .npy file are read, and boxes of a new one written.

Plain reads into small buffers, not a memory map: a file that shrinks under a map kills the process
(SIGBUS), and a map's pages count as the process's own memory.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
import weakref
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.files import npy
from poolcli.files.causes import cause, check_memory, writing
from poolcli.files.sniff import close_quietly

Box = tuple[tuple[int, int], ...]


class StoredNpy:
    """An .npy file's array, read box by box; ``shape`` is in the order that it is stored in.

    ``axes[i]`` is the stored axis of the array's axis i: they are reversed in Fortran order.
    Several threads may read at once, in any order. It has a descriptor of its own, open for as long
    as it lives.
    """

    sequential = False

    def __init__(self, file: BinaryIO, header: npy.NpyHeader, max_bytes: int | None = None) -> None:
        self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, close_quietly, self._descriptor)
        self._header, self._max_bytes = header, max_bytes
        self._lock = threading.Lock()
        reverse = header.fortran_order
        self.logical_shape = header.shape
        self.shape = header.shape[::-1] if reverse else header.shape
        self.dtype = header.dtype
        count = len(header.shape)
        self.axes = tuple(range(count))[::-1] if reverse else tuple(range(count))

    def read_all(self) -> np.ndarray[Any, Any]:
        """The whole array, of ``logical_shape``; refused where memory is too small for it."""
        check_memory(self._header.nbytes, self._max_bytes)
        whole = np.empty(self.shape, self.dtype)
        self.read_box(tuple((0, n) for n in self.shape), whole)
        return whole.transpose(self.axes)

    def read_box(self, box: Box, out: np.ndarray[Any, Any]) -> None:
        """Fill ``out``, C-contiguous and of the box's shape and this dtype.

        Raises InputError (without the file's name) where the file has become shorter, or holds
        what is no bool.
        """
        data = out.reshape(-1).view(np.uint8).data
        done = 0
        for offset, size in runs(self.shape, box, self.dtype.itemsize):
            self._read(data[done : done + size], self._header.data_offset + offset)
            done += size
        npy.check_bools(out)

    def finish(self) -> None:
        """Nothing is left to do."""

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
                return os.preadv(self._descriptor, [buffer], offset)
            with self._lock:
                os.lseek(self._descriptor, offset, os.SEEK_SET)
                data = os.read(self._descriptor, len(buffer))
                buffer[: len(data)] = data
                return len(data)
        except OSError as error:
            raise InputError(cause(error)) from error


class NpyOutput:
    """A new .npy file that is written box by box, in C order; several threads may write at once.

    ``label`` names the file in errors. ``shape`` is the array's, and ``box_shape`` the same
    with the axes of length 1 that boxes keep.
    Its space is reserved at once, so that a full disk shows before the work and not after it.
    """

    def __init__(
        self,
        label: str,
        file: BinaryIO,
        shape: tuple[int, ...],
        box_shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._label, self._file = label, file
        self._lock = threading.Lock()
        self.shape, self.dtype = box_shape, dtype
        file.write(npy.header_bytes(shape, dtype))
        file.flush()
        self._offset = file.tell()
        size = math.prod(shape) * dtype.itemsize
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), self._offset, size)
        else:
            file.truncate(self._offset + size)

    def write_box(self, box: Box, values: np.ndarray[Any, Any]) -> None:
        """Store ``values``, C-contiguous and of the box's shape and this dtype."""
        data = values.reshape(-1).view(np.uint8).data
        done = 0
        for offset, size in runs(self.shape, box, self.dtype.itemsize):
            self._write(data[done : done + size], self._offset + offset)
            done += size

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
