"""What every format hands over: its row in the table, open files, sources, and how both are asked.

``table.py`` has the rows; what reads and writes a format is imported when a row is first used.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from poolcli.engine.arrays import Readable, read_whole, shape_of
from poolcli.errors import InputError
from poolcli.formats.description import NOTHING_SAID, Description
from poolcli.formats.guard import check_memory, reading, shape_text
from poolcli.formats.settings import DEFAULT_READING, Reading

if TYPE_CHECKING:
    from poolcli.engine.arrays import StoredOutput
    from poolcli.formats.metadata import Metadata

HEAD = 2056
"""So many of its first bytes tell what a file is: HDF5 may begin after 2048 of others."""


class PictureSupport(NamedTuple):
    """What a picture format can hold: dtypes by number of channels, and whether several frames.

    ``cmyk``: the dtypes of CMYK, where it holds that. ``compressions`` are the ways to pack the
    same values, and with ``quality`` they may be packed approximately. ``georeferenced``: it says
    where pixels lie on the earth. ``opaque_or_not``: its alpha knows nothing between.
    """

    name: str
    dtypes: Mapping[int, tuple[str, ...]]
    every: tuple[str, ...] = ()  # dtypes for every other number of channels
    many: bool = False
    cmyk: tuple[str, ...] = ()
    quality: bool = False
    compressions: tuple[str, ...] = ()
    georeferenced: bool = False
    opaque_or_not: bool = False

    def has(self, channels: int) -> bool:
        """Whether it holds pictures of so many channels."""
        return bool(self.dtypes_of(channels))

    def dtypes_of(self, channels: int) -> tuple[str, ...]:
        """The dtypes that it holds pictures of so many channels in."""
        return self.dtypes.get(channels, self.every)

    def holds(self, dtype: str, channels: int, frames: int = 1) -> bool:
        """Whether it holds so many frames of this kind; what moves has 8 bits, pages any number."""
        together = frames == 1 or (self.many and (dtype in ("bool", "uint8") or bool(self.every)))
        see_through = channels in (2, 4) and self.opaque_or_not
        return together and dtype in self.dtypes_of(channels) and not see_through

    @property
    def every_dtype(self) -> set[str]:
        """The dtypes that it holds at all."""
        return set(self.every).union(*self.dtypes.values())


class ArchiveOutput(Protocol):
    """Several arrays that are written box by box into one file or folder."""

    def member(self, name: str) -> StoredOutput:
        """Give the array of this name, to be written; those before are complete or given up."""

    def finish(self, names: Collection[str]) -> None:
        """Complete the archive, with no other arrays than those of these names."""


Encode = Callable[..., Iterator["bytes | memoryview"]]
"""``encode(array, extension, layout, metadata, packing)`` gives the bytes of a file in pieces.

All that may be refused is refused before the first piece.
"""


class Format(NamedTuple):
    """A row of the table.

    name: what people call it; the name of a picture's format is of how it is read
    extensions: those of its files; what is read writes the first, or else says that it cannot
    recognises: whether these are first bytes of such a file
    opener: opens a file of it: ``opener(opened)`` gives an :class:`OpenFile`
    encode: see :data:`Encode`; None where it is not written as a whole
    boxes: what writes it box by box: ``boxes(file, new)`` gives a StoredOutput for an array like
        this :class:`NewArray`, in a new file that is open for reading and writing; None where it is
        written as a whole
    shared: what writes boxes into one that another process has begun with ``boxes``:
        ``shared(file, new)``; None where one process has to write all
    folder: where it is a folder: whether that at a path is one of it. ``boxes`` gets the path of a
        new, empty folder then in the place of a file
    levels: what writes an array with its overviews box by box, as ``boxes`` does one; it has a
        StoredOutput for each in ``levels``
    stream: reads its arrays one after another from a pipe; None where all of it has to be there
    start: ``start(first_bytes, dialect)`` raises InputError for what cannot begin an endless one
    pictures: what pictures it can hold; None for what are no pictures
    pack: writes several arrays into a seekable file: ``pack(file, arrays, attributes)``; None where
        it holds one
    archive: what writes several arrays box by box: ``archive(file, members, attributes)`` gives an
        :class:`ArchiveOutput` for members like these by name, in a file or folder as for ``boxes``
    has_ranges: parts of a file can be read without the others, so that of one that is far away no
        more need come
    is_text, is_archive: it is read by people; it holds several arrays, which have names
    describes: it has a place for what is said of an array (:class:`Description`)
    decoded, encoded: about how many times the bytes of an array are in memory at most while it is
        read and written
    parsed: where no header tells what it holds, about how many bytes in memory a byte of it becomes
    """

    name: str
    extensions: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    opener: Callable[[Opened], OpenFile]
    encode: Encode | None = None
    boxes: Callable[..., StoredOutput] | None = None
    shared: Callable[..., StoredOutput] | None = None
    levels: Callable[..., Any] | None = None
    stream: Callable[[Any, str, Reading, Format], Iterator[Source]] | None = None
    start: Callable[..., None] | None = None
    pictures: PictureSupport | None = None
    pack: Callable[..., None] | None = None
    archive: Callable[..., ArchiveOutput] | None = None
    folder: Callable[[str], bool] | None = None
    has_ranges: bool = False
    is_text: bool = False
    is_archive: bool = False
    describes: bool = False
    decoded: float = 1.0
    encoded: float = 1.5

    @property
    def is_written(self) -> bool:
        """Whether results can be written in it."""
        return self.encode is not None or self.boxes is not None

    @property
    def kind(self) -> str:
        """What people are told it is: ``image`` for every picture, else its name."""
        return self.name if self.pictures is None else "image"


def lazy(module: str, name: str) -> Callable[..., Any]:
    """A function of ``poolcli.formats`` whose module is imported when it is first called."""

    def call(*arguments: Any, **named: Any) -> Any:
        module_ = importlib.import_module(f"poolcli.formats.{module}")
        return getattr(module_, name)(*arguments, **named)

    return call


class Opened(NamedTuple):
    """A seekable file that is open, and what is wanted of it; ``member``: the array of this name.

    ``label`` is what people are shown: the path, or ``-``. For what is stored in a folder it is the
    folder, and the file has nothing in it.
    """

    file: BinaryIO
    label: str
    format: Format
    reading: Reading = DEFAULT_READING
    member: str | None = None

    @property
    def nbytes(self) -> int:
        """The length of the file."""
        at = self.file.tell()
        size = self.file.seek(0, os.SEEK_END)
        self.file.seek(at)
        return size


class OpenFile:
    """The arrays of an open file, by their headers as far as those tell. Each format has its own.

    It is closed when nobody needs it any more: neither this nor a source of it. ``attributes`` are
    what it says of all its arrays, once the first of them was asked for.
    """

    attributes: Mapping[str, Any] = MappingProxyType({})

    def __init__(self, opened: Opened) -> None:
        self.opened = opened

    @property
    def has_header(self) -> bool:
        """Whether headers tell what arrays there are, so that ``sources`` reads no values."""
        return True

    @property
    def most_bytes(self) -> int:
        """About how much memory reading takes at most, where headers do not tell."""
        return 0

    def sources(self) -> Iterator[Source]:
        """Give the arrays. An array that is broken keeps no other back: its error comes last.

        Raises InputError, one line that starts with the label.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the file: none of the sources is read any more."""
        self.opened.file.close()


class SourceInfo(NamedTuple):
    """What is known of an array before its values are read.

    label: what people are shown: ``photo.png``, ``in.npz:features``, ``-``
    row: the format that it is stored in
    format: the extension that writes the same kind again: ``.npy``, ``.png``, ``.csv``
    layout: what the file itself tells ("HW", "HWC", "NHW", "NHWC" for pictures), else None
    member: the array's name inside an archive, else None
    nodata: the value of cells that means missing, where the file names one
    description: what else it tells of the array; of a picture its metadata does
    beside: of 0 or 1 axes beside larger arrays of an archive: it is no map, and goes on as it is
    notes: what people should know of how it is read, a sentence each
    """

    label: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    row: Format
    format: str
    layout: str | None = None
    member: str | None = None
    nodata: float | None = None
    description: Description = NOTHING_SAID
    beside: bool = False
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """What people are told it is: ``npy``, ``npz``, ``image``, ``text``."""
        return self.row.kind

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        return math.prod(self.shape) * self.dtype.itemsize


class Decoded(NamedTuple):
    """Values that were read, what else the file tells of a picture, and what showed only now."""

    content: Readable
    metadata: Metadata | None = None
    notes: tuple[str, ...] = ()


class Source:
    """One array of a file, a pipe or the command line, whose values may not have been read yet.

    ``chunks`` is the shape of the boxes that are best read, with the axes of the array: that of the
    whole array where any reading reads all, None where a box of any shape is as good.
    """

    def __init__(
        self,
        info: SourceInfo,
        load: Callable[[], Decoded],
        chunks: tuple[int, ...] | None = None,
        max_bytes: int | None = None,
    ) -> None:
        self.info, self.chunks = info, chunks
        self._load, self._max_bytes = load, max_bytes
        self._decoded: Decoded | None = None

    @property
    def is_read_whole(self) -> bool:
        """Whether any reading reads all."""
        return self.chunks == self.shape

    @property
    def content(self) -> Readable:
        """The values: an array in memory, or one that is still on disk and is read in boxes.

        Raises InputError, one line that starts with the label.
        """
        return self._read().content

    @property
    def metadata(self) -> Metadata | None:
        """What else the file tells of a picture; None for everything else."""
        return self._read().metadata

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of how it is read. Raises as ``content``."""
        return (*self.info.notes, *self._read().notes)

    @property
    def array(self) -> np.ndarray:
        """The array in memory, as stored: in its dtype and byte order. Raises as ``content``."""
        content = self.content
        if isinstance(content, np.ndarray):
            return content
        with reading(self.label):
            check_memory(self.info.nbytes, self._max_bytes)
            whole = read_whole(content)
            content.finish()
            return whole

    def _read(self) -> Decoded:
        if self._decoded is None:
            with reading(self.label):
                decoded = self._load()
                self._check(decoded.content)
            self._decoded = decoded
        return self._decoded

    def _check(self, content: Readable) -> None:
        """Refuse what the header said otherwise: it was planned for."""
        shape = shape_of(content)
        if (shape, content.dtype) != (self.info.shape, self.info.dtype):
            raise InputError(
                f"its header says {shape_text(self.info.shape)} {self.info.dtype}, and it holds"
                f" {shape_text(shape)} {content.dtype}; it is damaged"
            )

    @property
    def label(self) -> str:
        """What people are shown."""
        return self.info.label

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the array."""
        return self.info.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the array."""
        return self.info.dtype

    @property
    def layout(self) -> str | None:
        """The axis letters, where the file tells."""
        return self.info.layout

    @property
    def kind(self) -> str:
        """What people are told it is."""
        return self.info.kind

    @property
    def format(self) -> str:
        """The extension that writes the same kind again."""
        return self.info.format

    @property
    def member(self) -> str | None:
        """The name inside an archive."""
        return self.info.member

    @property
    def nodata(self) -> float | None:
        """The value of cells that means missing, where the file names one."""
        return self.info.nodata

    @property
    def beside(self) -> bool:
        """Whether it is no map, and goes on as it is."""
        return self.info.beside


def in_memory(info: SourceInfo, array: np.ndarray, metadata: Metadata | None = None) -> Source:
    """An array in memory as a source."""
    return Source(info, lambda: Decoded(array, metadata))
