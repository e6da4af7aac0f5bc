"""The header of the .npy format, checked."""

from __future__ import annotations

import ast
import functools
import math
import re
import struct
import sys
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.formats.guard import shape_text, size_text

MAGIC = b"\x93NUMPY"
MAX_HEADER = 65_535
MAX_AXES = 32
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


@functools.lru_cache(maxsize=16)  # the files of a folder often have the same
def _parse(text: str) -> dict[str, Any]:
    """Return the three fields of the header's Python literal."""
    depth = deepest = 0
    for bracket in re.findall(r"[][(){}]", text):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > 8:
        raise InputError(f"its header is nested {deepest} deep")
    if re.search(r"\d{20}", text):
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


def header_bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    """Return what an .npy file of C order begins with; the data follow at a multiple of 64."""
    if dtype.kind not in "biuf":
        raise OutputError(f"an array of {dtype} cannot be written as .npy", code="not_held")
    fields = f"'descr': '{dtype.str}', 'fortran_order': False, 'shape': {tuple(shape)}, "
    padding = " " * (-(len(MAGIC) + 4 + len(fields) + 3) % 64)
    text = f"{{{fields}}}{padding}\n".encode("ascii")
    return MAGIC + b"\x01\x00" + struct.pack("<H", len(text)) + text


def read_exactly(file: Readable, count: int) -> bytes:
    """Read ``count`` bytes of a header, or raise ``InputError``."""
    data = b""
    while len(data) < count:
        piece = file.read(count - len(data))
        if not piece:
            raise InputError("it ends within its header; it is truncated")
        data += piece
    return data
