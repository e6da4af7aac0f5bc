"""TIFF files, written a tile or some rows at a time.

The directories of all pages are written first, by tifffile; the pixels follow, in the order of
tiles whoever hands them over, and at the end the directories are told where each has come to lie.
"""

from __future__ import annotations

import io
import itertools
import logging
import math
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import numpy as np

from poolcli.engine.arrays import Array, Box, write_whole
from poolcli.errors import OutputError
from poolcli.formats.description import NewArray
from poolcli.formats.guard import shape_text, writing
from poolcli.formats.limits import cannot_hold, listed, meaningless
from poolcli.formats.metadata import Metadata, Stored, add_metadata, byte_order
from poolcli.formats.settings import DEFAULT_PACKING, Packing
from poolcli.formats.table import picture_support_of
from poolcli.formats.tiff_stack import KNOWN, Stack, new_stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRIP_BYTES = 1 << 18
TILE_STEP = 16  # the sides of tiles are multiples of this
_MOST_TILE = 1 << 24  # cells of one
_BIG = 2**32 - 2**25  # bytes from which on offsets have 64 bits
_OFFSETS, _COUNTS = {True: 324, False: 273}, {True: 325, False: 279}  # tags, by whether tiled
_NONE, _DEFLATE = 1, 8  # compressions
_XMP = 700
UNNAMED = "unnamed.tif"  # tifffile takes the name of a file that is open, which may be a number
_TYPES = {3: "u2", 4: "u4", 16: "u8"}  # of numbers in tags
# Compressions that lose nothing and are written as they were read; others become deflate.
_KEPT = {5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 34925: "lzma", 50000: "zstd"}
_NO_PREDICTOR, _HORIZONTAL, _FLOATING = 1, 2, 3


class Sheet(NamedTuple):
    """How a result lies on pages.

    order: its axes as pages have them: those that number pages, height, width, samples if any
    pages: how many pages along each of the former
    """

    order: tuple[int, ...]
    pages: tuple[int, ...]
    height: int
    width: int
    samples: int

    @property
    def total(self) -> int:
        """How many pages there are."""
        return math.prod(self.pages)


def sheet_of(shape: tuple[int, ...], layout: str | None, stack: Stack | None = None) -> Sheet:
    """Say how an array lies on pages; ``stack``: what is said of them if it has this layout.

    Raises OutputError (without a file name).
    """
    if layout is None:
        layout = {2: "HW", 3: "HWC", 4: "NHWC"}.get(len(shape), "")
    if len(layout) != len(shape) or not {"H", "W"} <= set(layout):
        raise OutputError(
            f"a picture has height and width, the result is {shape_text(shape)}"
            f"{' ' + layout if layout else ''}; write .npy or .csv"
        )
    if 0 in shape:
        raise OutputError(f"a picture is not empty, the result is {shape_text(shape)}")
    sizes = dict(zip(layout, shape, strict=True))
    pages = "".join(letter for letter in "ND" if letter in layout)
    if stack is not None and stack.layout == layout:
        pages = stack.page_letters
    samples = "C" if "C" in layout and "C" not in pages else ""
    return Sheet(
        tuple(layout.index(letter) for letter in f"{pages}HW{samples}"),
        tuple(sizes[letter] for letter in pages),
        sizes["H"],
        sizes["W"],
        sizes["C"] if samples else 1,
    )


def _stack_of(new: NewArray) -> Stack | None:
    """What is said of the pages; that of another layout, or of other numbers, is said no longer."""
    layout = new.layout or ""
    stack = None if new.metadata is None else new.metadata.stack
    if stack is None and "D" in layout:
        stack = new_stack(layout)
        if not stack.holds(new.dtype):
            raise OutputError(
                f"TIFF with depth holds {listed(KNOWN)}, the result is {new.dtype}; write .npy"
            )
    if stack is None or stack.layout != layout or not stack.holds(new.dtype):
        return None
    return stack


def encode(
    array: np.ndarray,
    extension: str,
    layout: str | None = None,
    metadata: Metadata | None = None,
    packing: Packing = DEFAULT_PACKING,
) -> Iterator[bytes | memoryview]:
    """Return the bytes of a TIFF with a page for each frame; see ``image_writer.encode``."""
    dtype = array.dtype.newbyteorder("=")
    new = NewArray("", extension, array.shape, array.shape, dtype, layout, metadata, packing)
    file = io.BytesIO()
    output = TiffOutput(file, new)
    write_whole(output, array.astype(dtype, copy=False))
    output.complete()
    return iter([file.getbuffer()])


class TiffOutput:
    """A new TIFF file that is written in boxes of whole tiles or strips: a StoredOutput.

    Several threads may write at once. Raises OutputError for what a TIFF cannot hold.
    """

    def __init__(self, file: BinaryIO, new: NewArray) -> None:
        self._file, self._label = file, new.label
        self._stack = _stack_of(new)
        self._sheet = sheet = sheet_of(new.shape, new.layout, self._stack)
        if new.shape != new.box_shape:
            sheet_of(new.shape, "")
        self.shape, self.dtype = new.shape, new.dtype
        self._sizes = dict(zip(new.layout or "", new.shape, strict=False))
        self.metadata = _checked(new, sheet.samples).sized(sheet.height, sheet.width)
        stored = self.metadata.stored or Stored()
        self.order = byte_order(self.metadata)
        self._packed = _packed_as(new.packing, stored, new.dtype)
        self._is_planar = stored.planar and sheet.samples > 1
        sides = _sides(new, stored.tile)
        self._is_tiled, self._tile = sides is not None, self._cut(sides)
        self.is_big = int(1.01 * math.prod(new.shape) * new.dtype.itemsize) > _BIG
        self._lock = threading.Lock()
        self._waiting: dict[int, bytes] = {}
        self._next = 0
        self._write_directories()
        self._end = file.seek(0, os.SEEK_END)
        self._end += self._end % 2
        self._begins = self._starts() if self._is_contiguous else np.empty(0, np.uint64)
        self._places = np.zeros((self._count() * sheet.total, 2), np.uint64)

    @property
    def page_count(self) -> int:
        """How many pages there are."""
        return self._sheet.total

    @property
    def _depth(self) -> int:
        """The samples of a pixel that stand side by side."""
        return 1 if self._is_planar else self._sheet.samples

    @property
    def chunks(self) -> tuple[int, ...]:
        """One tile of one page, or the rows of a strip."""
        sheet = self._sheet
        each = [*(1 for _ in sheet.pages), *self._tile, self._depth]
        chunks = [1] * len(self.shape)
        for axis, size in zip(sheet.order, each, strict=False):
            chunks[axis] = size
        return tuple(chunks)

    def write_box(self, box: Box, values: Array) -> None:
        """Store whole tiles or strips, ``values`` of the box's shape."""
        sheet = self._sheet
        ordered = values.transpose(sheet.order)
        ranges = [box[axis] for axis in sheet.order]
        count = len(sheet.pages)
        (top, _), (left, _) = ranges[count : count + 2]
        first_sample = ranges[count + 2][0] if len(ranges) > count + 2 else 0
        for place in itertools.product(*(range(*part) for part in ranges[:count])):
            plane = ordered[tuple(i - low for i, (low, _) in zip(place, ranges, strict=False))]
            plane = plane if plane.ndim == 3 else plane[..., np.newaxis]
            page = int(np.ravel_multi_index(place, sheet.pages)) if count else 0
            if self._is_planar:
                for sample in range(plane.shape[2]):
                    part = plane[..., sample : sample + 1]
                    self._write_plane(page, first_sample + sample, top, left, part)
            else:
                self._write_plane(page, 0, top, left, plane)

    def complete(self) -> None:
        """Tell the directories where the tiles lie, and add what else is said of the picture."""
        with writing(self._label):
            assert self._next == len(self._places), (self._next, len(self._places))
            self._write_places()
            if not self.is_big:
                with self.readable() as readable:
                    add_metadata(readable, self._file, self.metadata)
            self._file.flush()

    # How the pages are cut.

    def _cut(self, sides: tuple[int, int] | None) -> tuple[int, int]:
        """Rows and columns of a tile of about these sides, or of a strip, as wide as the page."""
        height, width = self._sheet.height, self._sheet.width
        if sides is None:
            rows = STRIP_BYTES // max(1, width * self._depth * self.dtype.itemsize)
            return max(1, min(rows, height)), width
        columns = min(_up(sides[1], TILE_STEP), _up(width, TILE_STEP))
        rows = min(_up(sides[0], TILE_STEP), _up(height, TILE_STEP))
        return max(TILE_STEP, min(rows, _MOST_TILE // columns // TILE_STEP * TILE_STEP)), columns

    def _count(self) -> int:
        """How many tiles or strips a page has."""
        sheet, (rows, columns) = self._sheet, self._tile
        planes = sheet.samples if self._is_planar else 1
        return planes * -(-sheet.height // rows) * -(-sheet.width // columns)

    # Pixels.

    def _write_plane(self, page: int, plane: int, top: int, left: int, cells: Array) -> None:
        """Write (rows, columns, samples) of a page, or of one plane of it."""
        rows, columns = self._tile
        down, across = -(-self._sheet.height // rows), -(-self._sheet.width // columns)
        first = page * self._count() + plane * down * across
        for y in range(0, cells.shape[0], rows):
            for x in range(0, cells.shape[1], columns):
                index = first + (top + y) // rows * across + (left + x) // columns
                self._place(index, self._encode(cells[y : y + rows, x : x + columns]))

    def _encode(self, cells: Array) -> bytes:
        rows, columns = self._tile
        if self._is_tiled and cells.shape[:2] != (rows, columns):
            padded = np.zeros((rows, columns, cells.shape[2]), cells.dtype)
            padded[: cells.shape[0], : cells.shape[1]] = cells
            cells = padded
        if cells.dtype == np.bool_:
            cells = np.packbits(cells[..., 0], axis=1)
        else:
            cells = np.ascontiguousarray(cells)
        return self._packed.pack(cells, self.order)

    def _place(self, index: int, data: bytes) -> None:
        """Write a tile where its place is, else after those before it: it may have to wait."""
        with self._lock:
            if self._is_contiguous:
                self._write_at(int(self._begins[index]), data)
                self._next += 1
                return
            self._waiting[index] = data
            while self._next in self._waiting:
                piece = self._waiting.pop(self._next)
                self._write_at(self._end, piece)
                self._places[self._next] = self._end, len(piece)
                self._end += len(piece)
                self._next += 1

    def _write_at(self, offset: int, data: bytes) -> None:
        with writing(self._label):
            self._file.seek(offset)
            self._file.write(data)

    # Directories.

    def _write_directories(self) -> None:
        """Write those of all pages; of pixels only as much room as their place says already."""
        import tifffile

        handle = tifffile.FileHandle(self._file, name=UNNAMED)
        with tifffile.TiffWriter(handle, bigtiff=self.is_big, byteorder=self.order) as writer:
            for number in range(self.page_count):
                self.write_page(writer, number)
        self._file.flush()

    def write_page(self, writer: Any, number: int, **more: Any) -> None:
        """Write the directory of a page; ``more`` is for tifffile."""
        sheet = self._sheet
        options = {**self._page_options, **more}
        if number:
            options.pop("description", None)  # it is for all pages
        shape: tuple[int, ...] = (sheet.height, sheet.width)
        if sheet.samples > 1:
            shape = (sheet.samples, *shape) if self._is_planar else (*shape, sheet.samples)
        none = None if self._is_contiguous else iter([b""] * self._count())
        writer.write(none, shape=shape, dtype=self.dtype.newbyteorder(self.order), **options)

    @cached_property
    def _page_options(self) -> dict[str, Any]:
        """What tifffile is told of every page."""
        sheet, metadata, packed = self._sheet, self.metadata, self._packed
        samples = sheet.samples
        planes = ("separate" if self._is_planar else "contig") if samples > 1 else None
        # Of channels that no TIFF has said anything of, a second and a fourth are alpha.
        alpha = samples in (2, 4) and (metadata.alpha or metadata.stored is None)
        is_grey = samples not in (3, 4) or metadata.mode.startswith("MINIS")
        colour = "separated" if metadata.cmyk else "minisblack" if is_grey else "rgb"
        named = {"minisblack": 1, "rgb": 3, "separated": 4}[colour]
        extra = ["unassalpha" if alpha else "unspecified"] if samples == named + 1 else None
        tags = [] if metadata.geo is None else metadata.geo.extra_tags()
        if self.is_big and metadata.xmp is not None:
            tags.append((_XMP, "B", len(metadata.xmp), metadata.xmp, True))
        options: dict[str, Any] = {
            "photometric": colour,
            "planarconfig": planes,
            "extrasamples": extra,
            "tile": self._tile if self._is_tiled else None,
            "rowsperstrip": None if self._is_tiled else self._tile[0],
            "compression": packed.name,
            "predictor": packed.predictor,
            "iccprofile": metadata.icc_for(samples, metadata.cmyk),
            "resolution": metadata.dpi,
            "metadata": None,
            "extratags": tags,
            "contiguous": False,
        }
        if self._stack is not None:
            big_endian = self.order == ">"
            options["description"] = self._stack.description(
                self._sizes, self.dtype, big=big_endian
            )
            if self._stack.scaled_resolution is not None:
                options["resolution"] = self._stack.scaled_resolution
                options["resolutionunit"] = "none"
        return options

    @property
    def _is_contiguous(self) -> bool:
        """Whether the pixels of a page lie one after another as they are in memory."""
        whole = self._tile == (self._sheet.height, self._sheet.width)
        plain = self._packed.name is None and self.dtype != np.bool_
        return plain and (whole or not self._is_tiled)

    def _starts(self) -> NDArray[np.uint64]:
        """Where each strip of each page begins, where they are contiguous."""
        with self.pages() as pages:
            return np.array([page.dataoffsets for page in pages], np.uint64).ravel()

    def _write_places(self) -> None:
        """Write offsets and lengths of the tiles into the directories."""
        if self._is_contiguous:
            return
        with self.pages() as pages:
            # All of them first: who reads and who writes have one position in the file.
            found = self.place_tags(pages)
        self.write_places(found)

    def place_tags(self, pages: Iterable[Any]) -> list[list[Any]]:
        """The tags of pages that say where tiles lie."""
        codes = _OFFSETS[self._is_tiled], _COUNTS[self._is_tiled]
        return [[page.tags[code] for code in codes] for page in pages]

    def write_places(self, found: list[list[Any]]) -> None:
        """Write where tiles lie into these tags."""
        count = self._count()
        for number, tags in enumerate(found):
            places = self._places[number * count : (number + 1) * count]
            for tag, values in zip(tags, places.T, strict=True):
                dtype = np.dtype(_TYPES[int(tag.dtype)]).newbyteorder(self.order)
                self._file.seek(tag.valueoffset)
                self._file.write(values.astype(dtype).tobytes())

    @contextmanager
    def pages(self) -> Iterator[Any]:
        import tifffile

        logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # it would warn on stderr
        with self.readable() as file, tifffile.TiffFile(file, name=UNNAMED) as tiff:
            yield tiff.pages

    @contextmanager
    def readable(self) -> Iterator[BinaryIO]:
        """Give the file to be read: a target is open for that, too, but by its descriptor only."""
        self._file.flush()
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
            yield self._file
            return
        with os.fdopen(os.dup(self._file.fileno()), "rb") as file:
            file.seek(0)
            yield file


class Packed(NamedTuple):
    """How pixels are packed: what tifffile calls it, None where not; and the predictor."""

    name: str | None = None
    predictor: int | None = None

    def pack(self, cells: Array, order: Literal["<", ">"]) -> bytes:
        """Pack (rows, columns, samples) in a byte order, or rows of bits."""
        import tifffile

        tables = tifffile.TIFF
        if self.predictor is not None:
            cells = tables.PREDICTORS[self.predictor](cells, axis=-2)
        if self.predictor != _FLOATING:  # of which the bytes stand in an order of their own
            cells = cells.astype(cells.dtype.newbyteorder(order), copy=False)
        if self.name is None:
            return cells.tobytes()
        code = _DEFLATE if self.name == "zlib" else tifffile.COMPRESSION[self.name.upper()]
        # Rows are packed each by itself, where that is the rule.
        rows = {"axis": -1 if cells.ndim == 2 else -2} if self.name == "packbits" else {}
        return bytes(tables.COMPRESSORS[code](cells if rows else cells.tobytes(), **rows))


def _sides(new: NewArray, tile: tuple[int, int] | None) -> tuple[int, int] | None:
    """About the sides of tiles: as those of the input, or its chunks; None for strips."""
    if tile is not None or new.chunks is None or new.layout is None:
        return tile
    if len(new.chunks) != len(new.layout):
        return None
    rows, columns = (new.chunks[new.layout.index(letter)] for letter in "HW")
    is_part = TILE_STEP <= columns < new.shape[new.layout.index("W")]
    return (rows, columns) if is_part else None


def _packed_as(packing: Packing, stored: Stored, dtype: np.dtype[Any]) -> Packed:
    """How a result is packed: as is asked for, or else as its input."""
    if packing.compression is not None:
        name = {"none": None, "deflate": "zlib"}[packing.compression]
    elif stored.compression == _NONE:
        name = None
    else:
        name = _KEPT.get(stored.compression, "zlib")
    if name in (None, "packbits") or stored.predictor == _NO_PREDICTOR:
        return Packed(name)
    if dtype.kind == "f":
        return Packed(name, _FLOATING)
    return Packed(name, _HORIZONTAL if dtype.kind in "iu" and dtype.itemsize <= 4 else None)


def _checked(new: NewArray, samples: int) -> Metadata:
    """Refuse what a TIFF cannot hold; give what is said of it."""
    pictures = picture_support_of(new.extension)
    assert pictures is not None, new.extension
    problem = meaningless(new.extension, new.packing)
    if problem is not None:
        raise OutputError(problem)
    metadata = new.metadata or Metadata()
    metadata = metadata._replace(cmyk=metadata.cmyk and samples == 4)
    dtypes = pictures.cmyk if metadata.cmyk else pictures.dtypes_of(samples)
    if new.dtype.name not in dtypes:
        raise OutputError(cannot_hold(pictures, new.dtype.name, listed(dtypes), samples))
    return metadata


def _up(value: int, step: int) -> int:
    return -(-value // step) * step
