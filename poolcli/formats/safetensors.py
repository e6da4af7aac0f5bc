"""The safetensors format: a header in JSON, and arrays one after another, read where they stand.

The definition: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.formats.archive import ArchiveFile, Member
from poolcli.formats.base import Decoded, Source, SourceInfo
from poolcli.formats.description import NewArray
from poolcli.formats.guard import check_memory, one_line, shape_text, size_text
from poolcli.formats.npy import RawOutput, StoredNpy, check_bools, reserve, write_all
from poolcli.formats.npy_header import MAX_AXES, NpyHeader, read_exactly
from poolcli.formats.sinks import ResultShape

MAX_HEADER = 1 << 24
_LENGTH = 8  # bytes, before the header
_ALIGNED = 8  # where data begin
_PIECE = 1 << 20
METADATA = "__metadata__"

_DTYPES = {
    "BOOL": "|b1",
    "U8": "|u1",
    "I8": "|i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
}
_CODES = {np.dtype(name): code for code, name in _DTYPES.items()}
_REFUSED = {
    "BF16": "bfloat16, which NumPy has not; save the tensor as float32: t.float()",
    "C64": "complex numbers; save the real and imaginary parts, or the absolute values",
}


class Tensor(NamedTuple):
    """One entry of the header, as it stands there: its data are bytes begin to end."""

    code: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsHeader(NamedTuple):
    """A checked header: its arrays in stored order, what else it says, and where data begin."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    start: int


class SafetensorsFile(ArchiveFile):
    """A .safetensors file, whose arrays are read in boxes; from memory they are read whole."""

    def entries(self) -> list[tuple[str, Tensor]]:
        """Read and check the header."""
        self._header = read_header(self.opened.file, self.opened.nbytes)
        self.attributes = self._header.metadata
        if not self._header.tensors:
            raise InputError("it holds no array")
        return list(self._header.tensors.items())

    def header(self, entry: Tensor) -> NpyHeader:
        """Say where the array stands, or why its numbers cannot be read."""
        dtype = _dtype(entry.code)
        begin = self._header.start + entry.begin
        return NpyHeader(entry.shape, dtype, False, begin, entry.end - entry.begin)

    def source(self, member: Member, info: SourceInfo) -> Source:
        """Give an array."""
        file, header, limit = self.opened.file, member.header, self.opened.reading.max_bytes
        if not isinstance(file, io.BytesIO):
            stored = StoredNpy(file, header)
            return Source(info, lambda: Decoded(stored), max_bytes=limit)

        def load() -> Decoded:
            check_memory(header.nbytes, limit)
            data = file.getvalue()[header.data_offset : header.data_offset + header.nbytes]
            array = np.frombuffer(bytearray(data), header.dtype).reshape(header.shape)
            check_bools(array)
            return Decoded(array)

        return Source(info, load, info.shape, limit)


def read_header(file: BinaryIO, size: int) -> SafetensorsHeader:
    """Read and check the header of a file of ``size`` bytes; nothing larger is allocated.

    Raises InputError (without the file's name) for a header that is none, or that says of the data
    what cannot be: each array stands where the one before ends, and the last ends with the file.
    """
    length = int.from_bytes(read_exactly(file, _LENGTH), "little")
    if length > MAX_HEADER:
        raise InputError(
            f"its header claims {size_text(length)}; more than {size_text(MAX_HEADER)} are refused"
        )
    if length > size - _LENGTH:
        raise InputError(
            f"its header claims {length} bytes, and {size - _LENGTH} follow; it is truncated"
        )
    try:
        fields = json.loads(read_exactly(file, length), object_pairs_hook=_unique)
    except RecursionError as error:
        raise InputError("its header is nested too deep") from error
    except (ValueError, MemoryError) as error:  # ValueError: no JSON, and no UTF-8
        if isinstance(error, _TwiceError):
            raise InputError(str(error)) from None
        raise InputError("its header is damaged: it is no JSON") from error
    if not isinstance(fields, dict):
        raise InputError("its header is damaged: it is no JSON object")
    metadata = fields.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise InputError(f"its header's {METADATA} is no object of texts")
    tensors = {name: _checked(name, entry) for name, entry in fields.items()}
    tensors = dict(sorted(tensors.items(), key=lambda item: item[1][2:]))
    _check_places(tensors, size - _LENGTH - length)
    return SafetensorsHeader(tensors, metadata, _LENGTH + length)


class _TwiceError(ValueError):
    """A name that stands twice in one object."""


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise _TwiceError(f"its header has {_named(name)} twice")
        fields[name] = value
    return fields


def _checked(name: str, entry: object) -> Tensor:
    if not name.isprintable():
        raise InputError(f"its header has a name that cannot be printed: {_named(name)}")
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"its header has not dtype, shape and data_offsets for {_named(name)}")
    code, shape, places = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(code, str):
        raise InputError(f"its header's dtype of {_named(name)} is no text")
    if not _are_counts(shape):
        raise InputError(f"its header's shape of {_named(name)} is no list of whole numbers from 0")
    if len(shape) > MAX_AXES:
        raise InputError(
            f"its header has {len(shape)} dimensions for {_named(name)}; at most {MAX_AXES} are"
            " read"
        )
    if not _are_counts(places) or len(places) != 2 or places[0] > places[1]:
        raise InputError(f"its header's data_offsets of {_named(name)} are no beginning and end")
    tensor = Tensor(code, tuple(shape), *places)
    if code in _DTYPES:
        need = math.prod(shape) * np.dtype(_DTYPES[code]).itemsize
        if need != tensor.end - tensor.begin:
            raise InputError(
                f"its header says {_named(name)} is {one_line(shape_text(tensor.shape))} {code} ="
                f" {size_text(need)}, and gives it {size_text(tensor.end - tensor.begin)}"
            )
    return tensor


def _are_counts(values: object) -> bool:
    return isinstance(values, list) and all(type(n) is int and 0 <= n < 2**63 for n in values)


def _check_places(tensors: Mapping[str, Tensor], held: int) -> None:
    """Refuse arrays that share bytes, bytes of no array, and ends beyond the file."""
    at, last = 0, ""
    for name, tensor in tensors.items():
        if tensor.begin < at:
            raise InputError(f"its header lets {_named(name)} overlap {_named(last)}")
        if tensor.begin > at:
            raise InputError(f"its header leaves {tensor.begin - at} bytes before {_named(name)}")
        at, last = tensor.end, name
    if at > held:
        raise InputError(f"its header says {at} bytes of data, and {held} follow; it is truncated")
    if at < held:
        raise InputError(f"its header says {at} bytes of data, and {held} follow")


def _named(name: str) -> str:
    short = name if len(name) <= 60 else name[:59] + "…"
    return ascii(short) if not short.isprintable() else repr(short)


def _dtype(code: str) -> np.dtype[Any]:
    if code in _DTYPES:
        return np.dtype(_DTYPES[code])
    if code in _REFUSED:
        raise InputError(f"it holds {_REFUSED[code]}")
    if code.startswith(("F8", "F6", "F4")):
        raise InputError(
            f"it holds floats of {code[1]} bits ({one_line(code)[:20]}), which NumPy has not; save"
            " the tensor as float32: t.float()"
        )
    raise InputError(f"dtype {one_line(code)[:20]!r} is unknown; numbers and bool are read")


def encode(array: np.ndarray, *_: object) -> Iterator[bytes | memoryview]:
    """Return the bytes of a file of one array, ``arr_0``."""
    return _pieces({"arr_0": array}, {})


def pack(file: BinaryIO, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write several arrays. Raises OutputError for one that the format cannot hold."""
    for piece in _pieces(arrays, attributes):
        write_all(file, piece)


def _pieces(
    arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> Iterator[bytes | memoryview]:
    placed = place({name: ResultShape.of(array) for name, array in arrays.items()})
    head = header_bytes(placed, attributes)
    return itertools.chain([head], (_data(arrays[name]) for name in placed))


def _data(array: np.ndarray) -> memoryview:
    stored = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    return stored.reshape(-1).view(np.uint8).data


class SafetensorsOutput:
    """A new file of several arrays, each of which is written box by box.

    Their places are reserved at once. What is not there at the end gets no place: it has failed.
    """

    def __init__(
        self,
        file: BinaryIO,
        members: Mapping[str, NewArray],
        attributes: Mapping[str, Any],
    ) -> None:
        self._file, self._attributes = file, attributes
        self._members, self._placed = members, place(members)
        self._start = len(header_bytes(self._placed, attributes))
        reserve(file, self._start + max((t.end for t in self._placed.values()), default=0))

    def member(self, name: str) -> RawOutput:
        """Give the array of this name, to be written."""
        new, begin = self._members[name], self._start + self._placed[name].begin
        dtype = new.dtype.newbyteorder("<")
        return RawOutput(new.label, self._file, begin, new.box_shape, dtype)

    def finish(self, names: Collection[str]) -> None:
        """Complete the file with the arrays of these names."""
        there = place({name: new for name, new in self._members.items() if name in names})
        head = header_bytes(there, self._attributes)
        for name, tensor in there.items():
            _move(
                self._file,
                self._start + self._placed[name].begin,
                len(head) + tensor.begin,
                tensor.end - tensor.begin,
            )
        self._file.seek(0)
        self._file.write(head)
        self._file.truncate(len(head) + max((t.end for t in there.values()), default=0))


def _move(file: BinaryIO, begin: int, to: int, count: int) -> None:
    """Move bytes of a file towards its beginning."""
    if begin == to:
        return
    for done in range(0, count, _PIECE):
        file.seek(begin + done)
        piece = file.read(min(_PIECE, count - done))
        file.seek(to + done)
        file.write(piece)


def place(members: Mapping[str, NewArray | ResultShape]) -> dict[str, Tensor]:
    """Give every array its place: the widest types first, so that each stands at a multiple of it.

    Raises OutputError for types that the format has not.
    """
    placed: dict[str, Tensor] = {}
    at = 0
    for name in sorted(members, key=lambda name: (-members[name].dtype.itemsize, name)):
        new = members[name]
        code = _CODES.get(new.dtype.newbyteorder("<"))
        if code is None:
            raise OutputError(f"safetensors holds no {new.dtype} ({name}); write .npz")
        if name == METADATA:
            raise OutputError(f"safetensors keeps the name {name} for itself; write .npz")
        placed[name] = Tensor(code, new.shape, at, at + new.nbytes)
        at = placed[name].end
    return placed


def header_bytes(placed: Mapping[str, Tensor], attributes: Mapping[str, Any]) -> bytes:
    """Return what a file of these arrays begins with; attributes are stored as texts."""
    fields: dict[str, Any] = {}
    if attributes:
        fields[METADATA] = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in attributes.items()
        }
    for name, (code, shape, begin, end) in placed.items():
        fields[name] = {"dtype": code, "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(_LENGTH + len(text)) % _ALIGNED)
    if len(text) > MAX_HEADER:
        raise OutputError(
            f"its header would take {size_text(len(text))}, more than {size_text(MAX_HEADER)}"
        )
    return len(text).to_bytes(_LENGTH, "little") + text
