"""The pixels of TIFF pages, decoded a tile or some rows at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poolcli.engine.arrays import Array
from poolcli.engine.chunks import ChunkedInput, Place
from poolcli.errors import InputError
from poolcli.formats.guard import available_memory, explain_error, shape_text
from poolcli.formats.metadata import unmultiplied

ROWS_BYTES = 1 << 18
"""Rows that are not packed are read so many bytes at a time."""

_NONE, _PLANAR = 1, 2  # a compression; colours that stand in planes of their own
_LERC = 34887  # a compression
_WHITE_IS_ZERO = 0
_KEPT_SHARE = 4  # of the memory that may be taken, for decoded chunks


class Sheets(NamedTuple):
    """How pages make an array: the lengths of its axes before height and width, and their letters.

    ``numbers`` has the number of the page for each place along these axes.
    """

    letters: str
    shape: tuple[int, ...]
    numbers: Sequence[int]


class TiffPixels:
    """Decodes the pages of a file, which are all stored alike, chunk by chunk.

    ``premultiplied``: alpha is multiplied into the other samples, which is undone.
    """

    def __init__(
        self, file: BinaryIO, pages: Sequence[Any], sheets: Sheets, *, premultiplied: bool = False
    ) -> None:
        self._file, self._pages, self._sheets = file, pages, sheets
        self._premultiplied = premultiplied
        self._lock = threading.Lock()
        self._descriptor = None
        if hasattr(os, "pread"):
            with suppress(OSError):  # it is in memory, or far away
                self._descriptor = file.fileno()
        first = pages[0]
        self._inverted = first.photometric == _WHITE_IS_ZERO and first.dtype.kind in "bu"
        self._height, self._width = first.imagelength, first.imagewidth
        self._samples = first.samplesperpixel
        self._is_planar = first.planarconfig == _PLANAR and self._samples > 1
        self.dtype = first.dtype.newbyteorder("=")
        self._row_bytes = first.imagewidth * self.dtype.itemsize
        self._row_bytes *= 1 if self._is_planar else self._samples
        self._in_rows = _lies_in_rows(first)
        first.init_decode()

    @property
    def chunks(self) -> tuple[int, int]:
        """Rows and columns that are decoded at once."""
        first = self._pages[0]
        if first.is_tiled:
            return first.tilelength, first.tilewidth
        if self._in_rows:
            rows = max(1, ROWS_BYTES // max(1, self._row_bytes))
            return min(rows, self._height), self._width
        return min(first.rowsperstrip, self._height), self._width

    def stored(self, max_bytes: int | None = None) -> ChunkedInput:
        """All of it as an array whose axes are those of the pages, height, width and samples."""
        shape: tuple[int, ...] = (self._height, self._width)
        chunks: tuple[int, ...] = self.chunks
        before = len(self._sheets.shape)
        axes = tuple(range(before + 2))
        if self._is_planar:
            shape, chunks = (self._samples, *shape), (1, *chunks)
            axes = (*range(before), before + 1, before + 2, before)
        elif self._samples > 1:
            shape, chunks = (*shape, self._samples), (*chunks, self._samples)
            axes = (*axes, len(axes))
        return ChunkedInput(
            (*self._sheets.shape, *shape),
            self.dtype,
            (*(1,) * before, *chunks),
            self._decode,
            axes=axes,
            most_bytes=(available_memory() if max_bytes is None else max_bytes) // _KEPT_SHARE,
        )

    def _decode(self, place: Place) -> Array:
        before = len(self._sheets.shape)
        flat = int(np.ravel_multi_index(place[:before], self._sheets.shape)) if before else 0
        number = self._sheets.numbers[flat]
        sample = place[before] if self._is_planar else 0
        row, column = place[before + 1 :][:2] if self._is_planar else place[before:][:2]
        try:
            cells = self._cells(number, sample, row, column)
        except Exception as error:  # decoders raise anything on damaged data
            raise InputError(self._damaged(number, row, column, error)) from error
        if self._inverted:
            cells = ~cells
        if self._premultiplied:
            cells = unmultiplied(cells)
        if self._samples == 1:
            cells = cells[..., 0]
        elif self._is_planar:
            cells = cells[np.newaxis, ..., 0]
        return cells[(np.newaxis,) * before]

    def _damaged(self, number: int, row: int, column: int, error: Exception) -> str:
        high, wide = self.chunks
        what = "tile" if self._pages[0].is_tiled else "strip"
        page = f" of page {number + 1}" if len(self._pages) > 1 else ""
        where = f"row {row * high}, column {column * wide}"
        return f"its {what} at {where}{page} cannot be decoded: {explain_error(error)}"

    def _cells(self, number: int, sample: int, row: int, column: int) -> Array:
        """A chunk as (rows, columns, samples), as it is stored."""
        page = self._pages[number]
        high, wide = self.chunks
        if self._in_rows:
            return self._rows(page, sample, row * high, min((row + 1) * high, self._height))
        across = -(-self._width // wide)
        index = (sample * -(-self._height // high) + row) * across + column
        data = self._bytes(page.dataoffsets[index], page.databytecounts[index])
        if data is None:
            rows = min(high, self._height - row * high)
            samples = 1 if self._is_planar else self._samples
            return np.full((rows, min(wide, self._width), samples), page.nodata, self.dtype)
        if page.compression == _LERC:
            cells = _from_lerc(data, 1 if self._is_planar else self._samples)
        else:
            tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
            cells = page.decode(data, index, **tables)[0][0]
        rows, columns = min(high, self._height - row * high), min(wide, self._width - column * wide)
        if len(cells) < rows or cells.shape[1] < columns:
            raise InputError(f"it holds {cells.shape[0]}x{cells.shape[1]} pixels")
        return np.asarray(cells, self.dtype)

    def _rows(self, page: Any, sample: int, low: int, high: int) -> Array:
        """Rows of pixels that lie in the file as they are."""
        samples = 1 if self._is_planar else self._samples
        cells = np.empty((high - low, self._width, samples), self.dtype)
        flat = cells.reshape(high - low, -1).view(np.uint8)
        strips = -(-self._height // page.rowsperstrip)
        while low < high:
            number, skipped = divmod(low, page.rowsperstrip)
            count = min(high - low, page.rowsperstrip - skipped)
            index = sample * strips + number
            part = flat[len(flat) - (high - low) :][:count]
            held, needed = page.databytecounts[index], (skipped + count) * self._row_bytes
            if held:
                if held < needed:
                    raise InputError(f"it has {held} bytes and needs {needed}")
                offset = page.dataoffsets[index] + skipped * self._row_bytes
                data = self._bytes(offset, count * self._row_bytes)
                assert data is not None
                part[...] = np.frombuffer(data, np.uint8).reshape(part.shape)
            else:
                order = page.parent.byteorder
                fill = np.full(1, page.nodata, self.dtype.newbyteorder(order)).view(np.uint8)
                part[...] = np.tile(fill, part.shape[1] // len(fill))
            low += count
        if np.dtype(np.uint16).newbyteorder(page.parent.byteorder) != np.dtype(np.uint16):
            cells.byteswap(inplace=True)
        return cells

    def _bytes(self, offset: int, count: int) -> bytes | None:
        """Bytes of the file; None for a blank part, which has none."""
        if not count:
            return None
        if self._descriptor is not None:
            data = os.pread(self._descriptor, count, offset)
        else:
            with self._lock:
                self._file.seek(offset)
                data = self._file.read(count)
        if len(data) < count:
            raise InputError(f"it ends after {offset + len(data)} bytes; it has become shorter")
        return data


def _from_lerc(data: bytes, samples: int) -> Array:
    """Decode LERC to (rows, columns, samples).

    It stores no NaN but a mask of the cells that have a value, of all samples together or, with the
    samples in planes, of each; tifffile takes neither into account.
    """
    import imagecodecs

    decoded: tuple[Array, Array | None] = imagecodecs.lerc_decode(data, masks=True)
    cells, masks = decoded
    if masks is not None and not masks.all():
        if cells.dtype.kind != "f":
            raise InputError(
                f"it has masked pixels, which {cells.dtype} cannot tell; save it packed otherwise"
            )
        valid = masks.astype(bool)
        valid = valid if valid.ndim == cells.ndim else valid[..., np.newaxis]
        cells = np.where(valid, cells, np.nan)
    if cells.ndim == 2:
        cells = cells[..., np.newaxis]
    elif masks is not None and masks.ndim == 3:
        cells = np.moveaxis(cells, 0, -1)
    if cells.ndim != 3 or cells.shape[2] != samples:
        raise InputError(f"it holds {shape_text(cells.shape)} numbers, of {samples} channels")
    return cells


def can_decode(page: Any) -> bool:
    """Whether the pixels of a page can be decoded without another library than tifffile's own."""
    if page.imagedepth != 1 or (page.bitspersample == 1 and page.samplesperpixel > 1):
        return False
    # Of what it does not know it makes a function that raises.
    return not page.decode.__name__.startswith("decode_raise")


def _lies_in_rows(page: Any) -> bool:
    """Whether the rows of a page lie in the file as they are in memory, but for the byte order."""
    return (
        not page.is_tiled
        and page.compression == _NONE
        and page.predictor == 1
        and page.fillorder == 1
        and page.bitspersample == 8 * page.dtype.itemsize
    )
