"""Binary PGM and PPM of 16 bits, which Pillow would scale or cut to 8."""

from typing import Any, BinaryIO

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.guard import check_count, check_memory
from poolcli.formats.npy_header import read_exactly


def read_deep(
    file: BinaryIO, max_bytes: int | None, max_pixels: int | None = None
) -> np.ndarray | None:
    """Decode a binary PGM or PPM of 16 bits; return None for others, which Pillow reads well."""
    magic, width, height, largest = _header(file)
    if magic in (b"P1", b"P4") or largest <= 255:
        return None
    if largest != 65535 or magic == b"P3":
        raise InputError(
            f"it is a {magic.decode()} picture with values up to {largest}; save it as .png or .npy"
        )
    if magic == b"P2":
        return None
    channels = 3 if magic == b"P6" else 1
    nbytes = width * height * channels * 2
    check_count((width, height), max_pixels)
    check_memory(nbytes, max_bytes)
    data = file.read(nbytes)
    if len(data) < nbytes:
        raise InputError(f"its header needs {nbytes} bytes, {len(data)} follow; it is truncated")
    pixels = np.frombuffer(data, ">u2").astype(np.uint16)
    return pixels.reshape((height, width, 3) if channels == 3 else (height, width))


def read_shape(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return the shape and dtype of the pixels, as the header tells them."""
    magic, width, height, largest = _header(file)
    dtype = bool if magic in (b"P1", b"P4") else np.uint8 if largest <= 255 else np.uint16
    return (height, width, 3) if magic in (b"P3", b"P6") else (height, width), np.dtype(dtype)


def _header(file: BinaryIO) -> tuple[bytes, int, int, int]:
    """Read magic, width, height and largest value; leave the file at the first pixel."""
    file.seek(0)
    words: list[bytes] = []
    word = b""
    while len(words) < (3 if words[:1] in ([b"P1"], [b"P4"]) else 4):
        byte = read_exactly(file, 1)
        if byte == b"#":
            while byte not in b"\r\n":
                byte = read_exactly(file, 1)
        if not byte.isspace():
            word += byte
        elif word:
            words.append(word)
            word = b""
        if len(word) > 10:
            raise InputError("it cannot be decoded as PNM: its header is damaged")
    if not all(word.isdigit() for word in words[1:]):
        raise InputError("it cannot be decoded as PNM: its header is damaged")
    numbers = [int(word) for word in words[1:]]
    return words[0], numbers[0], numbers[1], numbers[2] if len(numbers) > 2 else 1


def encode_deep(pixels: np.ndarray) -> bytes:
    """Return a PGM (H, W) or PPM (H, W, 3) of uint16 pixels."""
    height, width = pixels.shape[:2]
    magic = "P6" if pixels.ndim == 3 else "P5"
    stored: bytes = pixels.astype(">u2").tobytes()
    return f"{magic}\n{width} {height}\n65535\n".encode("ascii") + stored
