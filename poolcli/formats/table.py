"""The table of formats: one row each. All that is known of a format follows from its row.

A new format is one row and one file: an :class:`~poolcli.formats.base.OpenFile` that reads it, and
a function that encodes it.
"""

from __future__ import annotations

from collections.abc import Callable

from poolcli.errors import InputError
from poolcli.formats.base import Format, PictureSupport, lazy

_BOOL, _U8, _U16 = "bool", "uint8", "uint16"
_WIDE = ("uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_DECODED, _ENCODED = 3.5, 3.5  # pixels, their bytes in pieces, and joined; and the other way


def _with(*heads: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(heads)


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def looks_like_text(head: bytes) -> bool:
    """Tell whether the bytes can begin a text file (UTF-16 counts: the text reader explains)."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return not any(byte < 32 and byte not in b"\t\n\f\r" for byte in head) and b"\x7f" not in head


def _picture(
    name: str,
    extensions: tuple[str, ...],
    recognises: Callable[[bytes], bool],
    pictures: PictureSupport,
    *,
    opener: tuple[str, str] = ("image", "PictureFile"),
    encode: str = "encode",
    decoded: float = _DECODED,
    encoded: float = _ENCODED,
) -> Format:
    return Format(
        name,
        extensions,
        recognises,
        lazy(*opener),
        lazy("image_writer", encode),
        pictures=pictures,
        decoded=decoded,
        encoded=encoded,
    )


def _pnm(extension: str, digits: bytes, dtypes: dict[int, tuple[str, ...]]) -> Format:
    """A row of the PNM family, whose files begin with ``P`` and one of the digits."""
    recognises = _with(*(b"P%c%c" % (digit, space) for digit in digits for space in b" \t\r\n"))
    pictures = PictureSupport(extension[1:].upper(), dtypes)
    return _picture("PNM", (extension,), recognises, pictures, encode="encode_pnm")


NPY = Format(
    "npy",
    (".npy",),
    _with(b"\x93NUMPY"),
    lazy("npy", "NpyFile"),
    lazy("npy", "encode"),
    boxes=lazy("npy", "NpyOutput"),
    shared=lazy("npy", "join_output"),
    stream=lazy("npy", "read_stream"),
)
NPZ = Format(
    "npz",
    (".npz",),
    _with(b"PK\x03\x04", b"PK\x05\x06"),
    lazy("npz", "NpzFile"),
    lazy("npz", "encode"),
    is_archive=True,
)
TEXT = Format(
    "text",
    (".csv", ".tsv", ".txt"),
    looks_like_text,
    lazy("text", "TextFile"),
    lazy("text", "encode"),
    start=lazy("text", "check_start"),
    is_text=True,
)

TABLE = (
    NPY,
    NPZ,
    _picture(
        "PNG",
        (".png", ".apng"),
        _with(b"\x89PNG\r\n\x1a\n"),
        PictureSupport(
            "PNG",
            {1: (_BOOL, _U8, _U16), 2: (_U8, _U16), 3: (_U8, _U16), 4: (_U8, _U16)},
            many=True,
            compressions=tuple("0123456789"),
        ),
        encode="encode_png",
    ),
    _picture(
        "JPEG",
        (".jpg", ".jpeg"),
        _with(b"\xff\xd8\xff"),
        PictureSupport("JPEG", {1: (_U8,), 3: (_U8,)}, cmyk=(_U8,), quality=True),
    ),
    _picture(
        "GIF",
        (".gif",),
        _with(b"GIF87a", b"GIF89a"),
        PictureSupport("GIF", {1: (_U8,), 3: (_U8,), 4: (_U8,)}, many=True),
    ),
    _picture("BMP", (".bmp",), _with(b"BM"), PictureSupport("BMP", {1: (_BOOL, _U8), 3: (_U8,)})),
    _picture(
        "TIFF",
        (".tif", ".tiff"),
        _with(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"),
        PictureSupport(
            "TIFF",
            {1: (_BOOL, _U8, _U16, *_WIDE)},
            every=(_U8, _U16, *_WIDE),
            many=True,
            cmyk=(_U8, _U16),
            compressions=("none", "deflate"),
            georeferenced=True,
        ),
        opener=("tiff", "TiffFile"),
        encode="encode_tiff",
        encoded=4.0,
    ),
    _picture(
        "WebP",
        (".webp",),
        _is_webp,
        # There is no grey: its three channels are then equal.
        PictureSupport(
            "WebP",
            {1: (_U8,), 3: (_U8,), 4: (_U8,)},
            many=True,
            quality=True,
            compressions=tuple("0123456"),
        ),
        decoded=6.2,
    ),
    _pnm(".pbm", b"14", {1: (_BOOL,)}),
    _pnm(".pgm", b"25", {1: (_U8, _U16)}),
    _pnm(".ppm", b"36", {3: (_U8, _U16)}),
    # The name for any of the three, which is only written.
    _pnm(".pnm", b"", {1: (_BOOL, _U8, _U16), 3: (_U8, _U16)}),
    TEXT,  # the last: the first bytes of some others look like text, too
)

BY_EXTENSION = {extension: row for row in TABLE for extension in row.extensions}
PICTURES = tuple(name for name, row in BY_EXTENSION.items() if row.pictures is not None)
TEXTS = tuple(name for name, row in BY_EXTENSION.items() if row.is_text)
WRITABLE = (*sorted(BY_EXTENSION, key=lambda name: BY_EXTENSION[name].pictures is not None),)

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


def format_of(head: bytes) -> Format:
    """Return the row of a file that begins with these bytes, of which ``HEAD`` are enough.

    Raises ``InputError`` for an empty file and for bytes that are none of the table's.
    """
    if not head:
        raise InputError("it is empty")
    for magic, advice in _KNOWN_BUT_REFUSED:
        if head.startswith(magic):
            raise InputError(f"it is {advice}")
    for row in TABLE:
        if row.recognises(head):
            return row
    pictures = ", ".join(dict.fromkeys(row.name for row in TABLE if row.pictures is not None))
    raise InputError(f"its first bytes are no .npy, .npz, picture ({pictures}) or text")


def row_of(extension: str) -> Format | None:
    """Return the row of what is written with this extension; None for one that is not written."""
    return BY_EXTENSION.get(extension.lower())


def picture_support_of(extension: str | None) -> PictureSupport | None:
    """Return what pictures files of this extension can hold; None where they are no pictures."""
    row = None if extension is None else row_of(extension)
    return None if row is None else row.pictures
