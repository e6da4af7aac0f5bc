"""What every format hands over: its row in the table, open files, sources, and how both are asked.

``table.py`` has the rows; what reads and writes a format is imported when a row is first used.
"""

from __future__ import annotations

import importlib
import math
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from io import BufferedReader, FileIO
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

import numpy as np

from poolcli.engine.arrays import Readable, read_whole, shape_of
from poolcli.errors import InputError
from poolcli.formats.guard import check_memory, reading, shape_text

if TYPE_CHECKING:
    from poolcli.engine.arrays import StoredOutput
    from poolcli.formats.metadata import Metadata

HEAD = 2056
"""So many of its first bytes tell what a file is: HDF5 may begin after 2048 of others."""


class Members(NamedTuple):
    """Which arrays of an archive are meant where none is named.

    patterns: their names, with ``*`` and ``?`` as in the shell; none for all of them
    small: arrays of 0 and 1 axes are pooled, too, beside larger ones, and text of one row or column
        is an array of one axis
    every: all are, also those that only tell of others, and where people would have to choose
    """

    patterns: tuple[str, ...] = ()
    small: bool = False
    every: bool = False


ALL = Members()


class Dialect(NamedTuple):
    """How a table of numbers is written as text.

    delimiter: what stands between columns; None: as the rows have it
    skip_header: how many lines come before the numbers; None: one, if it cannot be numbers
    missing: more words that stand for a missing number
    """

    delimiter: str | None = None
    skip_header: int | None = None
    missing: tuple[str, ...] = ()


SNIFFED = Dialect()


class Reading(NamedTuple):
    """How files are read.

    max_bytes: bounds the memory of one array; None: what is free
    max_pixels: refuse larger pictures as possible decompression bombs; None: 178 956 970
    cmyk: give CMYK pictures as their four channels instead of turning them into RGB
    members: which arrays of an archive are meant
    dialect: how text is written
    """

    max_bytes: int | None = None
    max_pixels: int | None = None
    cmyk: bool = False
    members: Members = ALL
    dialect: Dialect = SNIFFED


DEFAULT_READING = Reading()


class Packing(NamedTuple):
    """How pictures are packed: quality 1 to 100, and a compression that the format knows."""

    quality: int | None = None
    compression: str | None = None


DEFAULT_PACKING = Packing()


class PictureSupport(NamedTuple):
    """What a picture format can hold: dtypes by number of channels, and whether several frames.

    ``cmyk``: the dtypes of CMYK, where it holds that. ``compressions`` are the ways to pack the
    same values, and with ``quality`` they may be packed approximately. ``georeferenced``: it says
    where pixels lie on the earth.
    """

    name: str
    dtypes: Mapping[int, tuple[str, ...]]
    every: tuple[str, ...] = ()  # dtypes for every other number of channels
    many: bool = False
    cmyk: tuple[str, ...] = ()
    quality: bool = False
    compressions: tuple[str, ...] = ()
    georeferenced: bool = False

    def has(self, channels: int) -> bool:
        """Whether it holds pictures of so many channels."""
        return bool(self.dtypes_of(channels))

    def dtypes_of(self, channels: int) -> tuple[str, ...]:
        """The dtypes that it holds pictures of so many channels in."""
        return self.dtypes.get(channels, self.every)

    @property
    def every_dtype(self) -> set[str]:
        """The dtypes that it holds at all."""
        return set(self.every).union(*self.dtypes.values())


NAMING_MISSING = ("_FillValue", "missing_value")
"""Attributes that name the value of cells that are missing."""


class Description(NamedTuple):
    """What a file says of an array besides its numbers.

    names: of the axes, None for one that has none; empty where none has
    attributes: by name, in values that JSON can hold
    scales: by the name of an axis, an array of one axis that says where its cells lie
    storage: how it is stored, known to its own format, which writes results alike
    shards: the shape of what its format writes at once, where that is more than a chunk
    """

    names: tuple[str | None, ...] = ()
    attributes: Mapping[str, Any] = MappingProxyType({})
    scales: Mapping[str, Source] = MappingProxyType({})
    storage: Any = None
    shards: tuple[int, ...] | None = None

    @property
    def what(self) -> tuple[str, ...]:
        """What there is that not every format has a place for."""
        axes = ", ".join(str(name) for name in self.names)
        names = ", ".join(name for name in self.attributes if name not in NAMING_MISSING)
        names = names if len(names) <= _MOST_SAID else f"{names[: _MOST_SAID - 1]}…"
        return (
            *([f"the names of its axes ({axes})"] if self.names else []),
            *([f"its attributes ({names})"] if names else []),
        )


_MOST_SAID = 60  # characters of the names of attributes
NOTHING_SAID = Description()


class NewArray(NamedTuple):
    """What is to be written box by box.

    label: what errors begin with
    extension: the one that it is written with
    shape, dtype: of the array; ``box_shape`` is ``shape`` with the axes of length 1 that boxes keep
    layout: the letters of its axes, where they are known
    metadata: what else to write of a picture; packing: how it is packed
    chunks: those of the array that it is made of, along axes that are not changed; None where that
        has none. Axes that are pooled over may be shorter here.
    description: what else to write of it, and how that array is stored
    """

    label: str
    extension: str
    shape: tuple[int, ...]
    box_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    layout: str | None = None
    metadata: Metadata | None = None
    packing: Packing = DEFAULT_PACKING
    chunks: tuple[int, ...] | None = None
    description: Description = NOTHING_SAID

    @property
    def nbytes(self) -> int:
        """The memory that it would take."""
        return math.prod(self.shape) * self.dtype.itemsize


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
    stream: reads its arrays one after another from a pipe; None where all of it has to be there
    start: ``start(first_bytes, dialect)`` raises InputError for what cannot begin an endless one
    pictures: what pictures it can hold; None for what are no pictures
    pack: writes several arrays into a seekable file: ``pack(file, arrays, attributes)``; None where
        it holds one
    archive: what writes several arrays box by box: ``archive(file, members, attributes)`` gives an
        :class:`ArchiveOutput` for members like these by name, in a file or folder as for ``boxes``
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
    stream: Callable[[Any, str, Reading, Format], Iterator[Source]] | None = None
    start: Callable[..., None] | None = None
    pictures: PictureSupport | None = None
    pack: Callable[..., None] | None = None
    archive: Callable[..., ArchiveOutput] | None = None
    folder: Callable[[str], bool] | None = None
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


def is_stream(path: str) -> bool:
    """Tell whether a path is a named pipe or a character device, without opening it."""
    try:
        return _is_stream(os.stat(path).st_mode)
    except OSError:
        return False


def open_input(path: str, *, streams: bool = True) -> tuple[BufferedReader, bool]:
    """Open a path for reading; return the file and whether it must be read as a stream.

    Regular files are opened as such. Named pipes and character devices, such as /dev/stdin and
    what a shell's <(command) gives, are streams. Folders, sockets and disks are refused, and
    without ``streams`` those, too: opening a pipe may wait for ever.
    """
    mode = _mode(path)
    if _is_stream(mode):
        if not streams:
            raise InputError("it is a pipe or a device by now, and was a file when it was found")
        return BufferedReader(_InputFile(path)), True
    if not stat.S_ISREG(mode):
        raise InputError(f"it is {_what_it_is(mode)}")
    # Not blocking: were the name given to a pipe meanwhile, a plain open would wait for a writer.
    raw: FileIO = _InputFile(path, opener=_open_without_waiting)
    file: BufferedReader = BufferedReader(raw)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("it changed while being opened")
    return file, False


def _mode(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.islink(path):
            raise InputError(f"it is a link to {os.readlink(path)}, which is not there") from None
        raise


def _is_stream(mode: int) -> bool:
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


class _InputFile(FileIO):
    """A file that is only read: nothing is lost where closing it fails."""

    def close(self) -> None:
        with suppress(OSError):
            super().close()

    def __del__(self) -> None:
        # Sources keep it open as long as somebody may read them; then nobody has to say so.
        self.close()

    def _dealloc_warn(self, _: object) -> None:
        """As above."""


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _what_it_is(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder; name the files in it"
    if stat.S_ISSOCK(mode):
        return "a socket; name a file or a pipe"
    return "a device; name a file or a pipe"
