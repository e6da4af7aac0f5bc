"""The .npy format: a header that is checked before anything is allocated, and plain reads.

``numpy.load`` is not used: it allocates what the header claims, unpickles on request, fails on
pipes, and its messages advise unsafe loading.
"""

import ast
import math
import re
import struct
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.files.causes import check_memory, shape_text, size_text

MAGIC = b"\x93NUMPY"
MAX_HEADER = 65_535
MAX_AXES = 32
CHUNK = 1 << 20

_NUMBERS = {
    *("?", "b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"),
    *("f2", "f4", "f8", "f12", "f16"),
}
_REFUSED = {
    "O": "Python objects (pickled); save plain numbers instead, such as a.astype('float32')",
    "S": "byte strings; save them as numbers",
    "a": "byte strings; save them as numbers",
    "U": "strings; save them as numbers",
    "M": "dates (datetime64); save a.astype('int64')",
    "m": "time spans (timedelta64); save a.astype('int64')",
    "c": "complex numbers; save the real and imaginary parts, or numpy.abs(a)",
    "V": "raw bytes (void: bfloat16, perhaps); save a.astype('float32')",
}


class Readable(Protocol):
    """What a header is read from."""

    def read(self, size: int = -1, /) -> bytes: ...


class Reader(Readable, Protocol):
    """What an array is read from."""

    def readinto(self, buffer: Any, /) -> int | None: ...


class Writable(Protocol):
    """What an array is written to."""

    def write(self, data: Any, /) -> int: ...


class NpyHeader(NamedTuple):
    """What an .npy file says of itself: ``nbytes`` of data begin at ``data_offset``."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    data_offset: int
    nbytes: int

    def __str__(self) -> str:
        return f"{shape_text(self.shape)} {self.dtype.name}"


def read_header(file: Readable) -> NpyHeader:
    """Read and check the header at the file's position; leave the file where the data begin.

    Raises ``InputError`` (without the file's name) for anything that is not the header of an array
    of numbers. Nothing larger than the header itself is allocated.
    """
    start = read_exactly(file, len(MAGIC) + 2)
    if not start.startswith(MAGIC):
        raise InputError("it does not begin like an .npy file")
    major, minor = start[6], start[7]
    if major not in (1, 2, 3) or minor != 0:
        raise InputError(f".npy version {major}.{minor} is unknown; versions 1.0 to 3.0 are read")
    length_format = "<H" if major == 1 else "<I"
    length_size = struct.calcsize(length_format)
    length = struct.unpack(length_format, read_exactly(file, length_size))[0]
    if length > MAX_HEADER:
        raise InputError(f"its header claims {length} bytes; more than {MAX_HEADER} are refused")
    try:
        text = read_exactly(file, length).decode("utf-8" if major == 3 else "latin-1")
    except UnicodeDecodeError as error:
        raise InputError("its header is damaged: it is no UTF-8 text") from error
    fields = _parse(text)
    shape = _checked_shape(fields["shape"])
    dtype = _checked_dtype(fields["descr"])
    if type(fields["fortran_order"]) is not bool:
        raise InputError("its header's fortran_order is neither True nor False")
    # A zero among huge dimensions makes the product 0; NumPy still multiplies the others.
    nbytes = math.prod(n for n in shape if n) * dtype.itemsize
    if nbytes > sys.maxsize:
        raise InputError(f"its header's dimensions multiply to {size_text(nbytes)}, too many")
    offset = len(start) + length_size + length
    return NpyHeader(shape, dtype, fields["fortran_order"], offset, 0 if 0 in shape else nbytes)


def _parse(text: str) -> dict[str, Any]:
    """Return the three fields of the header's Python literal."""
    depth = deepest = digits = most_digits = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
        digits = digits + 1 if character.isdecimal() else 0
        most_digits = max(most_digits, digits)
    if deepest > 8:
        raise InputError(f"its header is nested {deepest} deep")
    if most_digits >= 20:
        raise InputError("its header has a dimension of 20 digits or more")
    signs = "-" in text or "+" in text or "~" in text
    if signs and re.search(r"[-+~]\s*[-+~]", text):  # long runs exhaust Python's own parser
        raise InputError("its header is damaged")
    if "L" in text:  # Python 2 wrote 4L
        text = re.sub(r"(\d)L\b", r"\1", text)
    try:
        fields = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise InputError("its header is damaged: it is no Python dictionary") from error
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise InputError("its header is damaged: descr, fortran_order and shape are expected")
    return fields


def _checked_shape(shape: object) -> tuple[int, ...]:
    if not isinstance(shape, tuple) or not all(type(n) is int for n in shape):
        raise InputError("its header's shape is no tuple of whole numbers")
    if len(shape) > MAX_AXES:
        raise InputError(f"its header has {len(shape)} dimensions; at most {MAX_AXES} are read")
    for n in shape:
        if n < 0:
            raise InputError(f"its header has a negative dimension: {shape_text(shape)}")
    return shape


def _checked_dtype(descr: object) -> np.dtype[Any]:
    if isinstance(descr, list):
        raise InputError("it holds records (a structured dtype); save one field: a['field']")
    if isinstance(descr, tuple):
        raise InputError("it holds a sub-array dtype; save it as a plain array of numbers")
    if not isinstance(descr, str):
        raise InputError("its header's dtype is no text")
    if (descr[1:] if descr.startswith(("<", ">", "=", "|")) else descr) in _NUMBERS:
        try:
            return np.dtype(descr)
        except TypeError as error:
            raise InputError(f"dtype {descr} is unknown on this machine") from error
    letter = descr.lstrip("<>=|")[:1]
    if letter in _REFUSED:
        raise InputError(f"dtype {descr[:20]} holds {_REFUSED[letter]}")
    if "," in descr or "(" in descr:
        raise InputError("it holds records (a structured dtype); save one field: a['field']")
    raise InputError(f"dtype {descr[:20]!r} is unknown; numbers and bool are read")


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


def read_exactly(file: Readable, count: int) -> bytes:
    """Read ``count`` bytes of a header, or raise ``InputError``."""
    data = b""
    while len(data) < count:
        piece = file.read(count - len(data))
        if not piece:
            raise InputError("it ends within its header; it is truncated")
        data += piece
    return data


def write_array(stream: Writable, array: np.ndarray) -> None:
    """Write header and data, in C order and in the array's own dtype; works on pipes."""
    write_all(stream, header_bytes(array.shape, array.dtype))
    for block in _blocks(array):
        write_all(stream, block)


def header_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what an .npy file of C order begins with; the data follow at a multiple of 64."""
    if dtype.kind not in "biuf":
        raise OutputError(f"an array of {dtype} cannot be written as .npy")
    fields = f"'descr': '{dtype.str}', 'fortran_order': False, 'shape': {tuple(shape)}, "
    padding = " " * (-(len(MAGIC) + 4 + len(fields) + 3) % 64)
    text = f"{{{fields}}}{padding}\n".encode("ascii")
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text


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
