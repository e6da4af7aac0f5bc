"""What a file or a stream is: by its first bytes, never by its name, and never by hanging on it."""

import os
import stat
from contextlib import suppress
from io import BufferedReader, FileIO

from poolcli.errors import InputError

HEAD = 512

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
)
IMAGE_KINDS = frozenset(kind for _, kind in _IMAGES) | {"webp", "pnm"}

_KNOWN_BUT_REFUSED = (
    (b"\x1f\x8b", "gzip; unpack it first, for example with gunzip -c FILE | poolcli ... -"),
    (b"\x89HDF", "HDF5; save the array as .npy first"),
    (b"%!PS", "PostScript; save it as .png first"),
    (b"\xc5\xd0\xd3\xc6", "PostScript; save it as .png first"),
    (b"%PDF", "PDF; save it as .png first"),
    (b"\x80\x02", "a Python pickle; save the array with numpy.save first"),
    (b"\x80\x03", "a Python pickle; save the array with numpy.save first"),
    (b"\x80\x04", "a Python pickle; save the array with numpy.save first"),
    (b"\x80\x05", "a Python pickle; save the array with numpy.save first"),
)


def kind_of(head: bytes) -> str:
    """Return "npy", "npz", an image kind or "text" for the first ``HEAD`` bytes of a file.

    Raises ``InputError`` for an empty file and for bytes that are none of these.
    """
    if not head:
        raise InputError("it is empty")
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "npz"
    for magic, kind in _IMAGES:
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in (b" ", b"\t", b"\r", b"\n"):
        return "pnm"
    for magic, advice in _KNOWN_BUT_REFUSED:
        if head.startswith(magic):
            raise InputError(f"it is {advice}")
    if looks_like_text(head):
        return "text"
    raise InputError(
        "its first bytes are no .npy, .npz, picture (PNG, JPEG, GIF, BMP, TIFF, WebP, PNM) or text"
    )


def looks_like_text(head: bytes) -> bool:
    """Tell whether the bytes can begin a text file (UTF-16 counts: the text reader explains)."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 32 and byte not in b"\t\n\f\r" for byte in head) and b"\x7f" not in head


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


def close_quietly(descriptor: int) -> None:
    """Close what was only read: nothing is lost where that fails."""
    with suppress(OSError):
        os.close(descriptor)


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _what_it_is(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder; name the files in it"
    if stat.S_ISSOCK(mode):
        return "a socket; name a file or a pipe"
    return "a device; name a file or a pipe"
