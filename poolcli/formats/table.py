"""The table of formats: one row each. All that is known of a format follows from its row.

A new format is one row and one file: an :class:`~poolcli.formats.base.OpenFile` that reads it, and
a function that encodes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from poolcli.errors import InputError
from poolcli.formats.base import Format, PictureSupport, lazy

_BOOL, _U8, _U16 = "bool", "uint8", "uint16"
_WIDE = ("uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_OF_TEXT = 512  # so many of its first bytes are looked at
_DECODED, _ENCODED = 3.5, 3.5  # pixels, their bytes in pieces, and joined; and the other way


def _with(*heads: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(heads)


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


ZARR_NODES = ("zarr.json", ".zarray", ".zgroup")
"""The files that make a folder a store of Zarr: of version 3, and an array and a group of 2."""


def is_zarr(folder: str) -> bool:
    """Tell whether a folder is an array or a group of Zarr."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in ZARR_NODES)


def _is_safetensors(head: bytes) -> bool:
    """The length of a header in eight bytes, hardly ever text, and the header, which is JSON."""
    return head[8:9] == b"{" and not looks_like_text(head[:8])


def looks_like_text(head: bytes) -> bool:
    """Tell whether the bytes can begin a text file (UTF-16 counts: the text reader explains)."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    head = head[:_OF_TEXT]
    return not any(byte < 32 and byte not in b"\t\n\f\r" for byte in head) and b"\x7f" not in head


def _picture(
    name: str,
    extensions: tuple[str, ...],
    recognises: Callable[[bytes], bool],
    pictures: PictureSupport,
    *,
    opener: tuple[str, str] = ("image", "PictureFile"),
    encode: str | tuple[str, str] = "encode",
    boxes: tuple[str, str] | None = None,
    decoded: float = _DECODED,
    encoded: float = _ENCODED,
) -> Format:
    return Format(
        name,
        extensions,
        recognises,
        lazy(*opener),
        lazy(*(("image_writer", encode) if isinstance(encode, str) else encode)),
        boxes=None if boxes is None else lazy(*boxes),
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
    pack=lazy("npz", "pack"),
    is_archive=True,
)
SAFETENSORS = Format(
    "safetensors",
    (".safetensors",),
    _is_safetensors,
    lazy("safetensors", "SafetensorsFile"),
    lazy("safetensors", "encode"),
    pack=lazy("safetensors", "pack"),
    archive=lazy("safetensors", "SafetensorsOutput"),
    is_archive=True,
)
HDF5 = Format(
    "hdf5",
    (".h5", ".hdf5", ".he5", ".nc", ".nc4"),
    lambda head: any(head[at : at + 8] == b"\x89HDF\r\n\x1a\n" for at in (0, 512, 1024, 2048)),
    lazy("hdf5", "Hdf5File"),
    is_archive=True,
)
ZARR = Format(
    "zarr",
    (".zarr",),
    lambda _head: False,
    lazy("zarr", "ZarrStore"),
    boxes=lazy("zarr_output", "ZarrOutput"),
    shared=lazy("zarr_output", "join_output"),
    pack=lazy("zarr_output", "pack"),
    archive=lazy("zarr_output", "ZarrGroup"),
    folder=is_zarr,
    is_archive=True,
    describes=True,
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
        encode=("tiff_writer", "encode"),
        boxes=("tiff_writer", "TiffOutput"),
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
    SAFETENSORS,
    HDF5,
    ZARR,
    TEXT,  # the last: the first bytes of some others look like text, too
)

BY_EXTENSION = {extension: row for row in TABLE for extension in row.extensions}
PICTURES = tuple(name for name, row in BY_EXTENSION.items() if row.pictures is not None)
TEXTS = tuple(name for name, row in BY_EXTENSION.items() if row.is_text)
_SORTED = sorted(BY_EXTENSION, key=lambda name: BY_EXTENSION[name].pictures is not None)
WRITABLE = tuple(name for name in _SORTED if BY_EXTENSION[name].is_written)

_CLASSIC = "NetCDF of the classic format; make it NetCDF-4 first, with nccopy -k nc4 FILE NEW"
_PICKLE = (
    "a Python pickle, which may run code; save arrays with numpy.save first, and torch's tensors"
    " with safetensors.torch.save_file"
)
_KNOWN_BUT_REFUSED = (
    (b"\x1f\x8b", "gzip; unpack it first, for example with gunzip -c FILE | poolcli ... -"),
    (b"CDF\x01", _CLASSIC),
    (b"CDF\x02", _CLASSIC),
    (b"CDF\x05", _CLASSIC),
    (b"%!PS", "PostScript; save it as .png first"),
    (b"\xc5\xd0\xd3\xc6", "PostScript; save it as .png first"),
    (b"%PDF", "PDF; save it as .png first"),
    (b"\x80\x02", _PICKLE),
    (b"\x80\x03", _PICKLE),
    (b"\x80\x04", _PICKLE),
    (b"\x80\x05", _PICKLE),
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
    others = ", ".join(
        row.extensions[0] for row in TABLE if row is NPY or (row.is_archive and row is not ZARR)
    )
    raise InputError(f"its first bytes are no {others}, picture ({pictures}) or text")


def format_of_folder(path: str) -> Format | None:
    """Return the row of what is stored in this folder; None for a folder of files."""
    rows = (row for row in TABLE if row.folder is not None and row.folder(path))
    return next(rows, None)


def refusal(extension: str) -> str:
    """Say why nothing is written with this extension, and what can be."""
    row = row_of(extension)
    named = f"extension {extension!r} is unknown" if extension else "it has no extension"
    if row is not None:
        named = f"{row.kind} is read and not written"
        if row.folder is not None:
            named = f"{row.kind} is a folder, and goes to no stream"
    return f"{named}; those written are {' '.join(WRITABLE)}"


def row_of(extension: str) -> Format | None:
    """Return the row of what is written with this extension; None for one that is not written."""
    return BY_EXTENSION.get(extension.lower())


def holds_several(extension: str | None) -> bool:
    """Return whether files of this extension are written with several arrays."""
    row = None if extension is None else row_of(extension)
    return row is not None and row.pack is not None


def picture_support_of(extension: str | None) -> PictureSupport | None:
    """Return what pictures files of this extension can hold; None where they are no pictures."""
    row = None if extension is None else row_of(extension)
    return None if row is None else row.pictures
