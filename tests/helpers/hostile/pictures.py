"""Hostile and odd pictures."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from tests.helpers.hostile.case import Case

_RNG = np.random.default_rng(20)
PIXELS = _RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, depth: int, colour: int, data: bytes, *, rows: int = 0) -> bytes:
    """A PNG with this header and `data` as its unfiltered rows, right or wrong."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    length = len(data) // rows if rows else len(data)
    stored = b"".join(b"\0" + data[i : i + length] for i in range(0, len(data), length or 1))
    idat = chunk(b"IDAT", zlib.compress(stored))
    return b"\x89PNG\r\n\x1a\n" + head + idat + chunk(b"IEND", b"")


def _tiff(*entries: tuple[int, int, int, int], next_page: int = 0, data: bytes = b"") -> bytes:
    """A little-endian TIFF of one page; `next_page` may point anywhere."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    return head + body + struct.pack("<I", next_page) + data


def _tiff_page(
    width: int, height: int, offset: int, count: int, compression: int = 1
) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression),
        (262, 3, 1, 1),
        (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, count),
    ]  # fmt: skip


def _jpeg_claiming_65535() -> bytes:
    whole = saved(Image.fromarray(PIXELS), "JPEG")
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + b"\xff\xff\xff\xff" + whole[at + 4 :]


def _frames(count: int) -> list[Image.Image]:
    return [Image.fromarray(_RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)) for _ in range(count)]


def _animation(kind: str, **options: Any) -> bytes:
    first, *others = _frames(3)
    return saved(first, kind, save_all=True, append_images=others, **options)


def _turned(kind: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(Image.fromarray(PIXELS), kind, exif=exif)


def picture_cases() -> list[Case]:
    return [*_odd(), *_damaged(), *_claiming(), *_disguised()]


def _odd() -> list[Case]:
    """Good files that decoders are known to read wrongly."""
    picture = Image.fromarray(PIXELS)
    palette = picture.quantize(7)
    deep = _RNG.integers(0, 65536, (2, 3, 4), dtype=np.uint16).astype(">u2")
    rgb, frames = ((6, 8, 3), "uint8"), ((3, 6, 8, 3), "uint8")
    return [
        Case("rgb.png", saved(picture, "PNG"), reads=rgb),
        Case("png-named.jpg", saved(picture, "PNG"), reads=rgb),
        Case("deep-grey.png", png(3, 2, 16, 0, deep[..., 0].tobytes(), rows=2),
             reads=((2, 3), "uint16")),
        Case("deep-rgb.png", png(3, 2, 16, 2, deep[..., :3].tobytes(), rows=2),
             reads=((2, 3, 3), "uint16")),
        Case("deep-rgba.png", png(3, 2, 16, 6, deep.tobytes(), rows=2),
             reads=((2, 3, 4), "uint16")),
        Case("deep-grey-alpha.png", png(3, 2, 16, 4, deep[..., :2].tobytes(), rows=2),
             reads=((2, 3, 2), "uint16")),
        Case("palette.png", saved(palette, "PNG"), reads=rgb),
        Case("palette-transparent.png", saved(palette, "PNG", transparency=2),
             reads=((6, 8, 4), "uint8")),
        Case("1-bit.png", saved(picture.convert("1"), "PNG"), reads=((6, 8), "bool")),
        Case("cmyk.jpg", saved(picture.convert("CMYK"), "JPEG"), reads=rgb),
        Case("turned.jpg", _turned("JPEG"), reads=((8, 6, 3), "uint8")),
        Case("turned.png", _turned("PNG"), reads=((8, 6, 3), "uint8")),
        Case("previews.jpg", _animation("MPO"), reads=rgb),
        Case("animation.gif", _animation("GIF"), reads=frames),
        Case("animation.png", _animation("PNG"), reads=frames),
        Case("animation-and-default.png", _animation("PNG", default_image=True),
             reads=((2, 6, 8, 3), "uint8")),
        Case("animation.webp", _animation("WEBP", lossless=True), reads=frames),
        Case("pages.tif", _animation("TIFF"), reads=frames),
        Case("palette.gif", saved(palette, "GIF"), reads=rgb),
        Case("palette.bmp", saved(palette, "BMP"), reads=rgb),
        Case("lzw.tif", saved(picture, "TIFF", compression="tiff_lzw"), reads=rgb),
        Case("jpeg-in.tif", saved(picture, "TIFF", compression="jpeg"), reads=rgb),
        Case("cmyk.tif", saved(picture.convert("CMYK"), "TIFF"), reads=rgb),
        Case("palette.tif", saved(palette, "TIFF"), reads=rgb),
        Case("fax.tif", saved(picture.convert("1"), "TIFF", compression="group4"),
             reads=((6, 8), "bool")),
        Case("deep.ppm", b"P6 2 1 65535\n" + bytes(12), reads=((1, 2, 3), "uint16")),
        Case("deep.pgm", b"P5\n# 12\n2 1\n65535\n" + bytes(4), reads=((1, 2), "uint16")),
        Case("words.pgm", b"P2\n2 1\n255\n7 9\n", reads=((1, 2), "uint8")),
        Case("bits.pbm", b"P1\n2 1\n0 1\n", reads=((1, 2), "bool")),
        Case("bad-exif.jpg", saved(picture, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
             reads=rgb),
    ]  # fmt: skip


def _damaged() -> list[Case]:
    picture = Image.fromarray(_RNG.integers(0, 256, (60, 80, 3), dtype=np.uint8))
    flipped = bytearray(saved(picture, "PNG"))
    flipped[len(flipped) // 2] ^= 1
    cases = [Case("flipped.png", bytes(flipped), refused="checksum")]
    for kind, extension, half, head in (
        ("PNG", "png", "truncated", "truncated"),
        ("JPEG", "jpg", "truncated", "damaged"),
        ("GIF", "gif", "truncated", "damaged"),
        ("BMP", "bmp", "truncated", "Truncated"),
        ("TIFF", "tif", "truncated", "truncated"),
        ("WEBP", "webp", "as WebP", "as WebP"),
        ("PPM", "ppm", "truncated", "truncated"),
    ):
        whole = saved(picture, kind)
        cases.append(Case(f"half.{extension}", whole[: len(whole) // 2], refused=half))
        cases.append(Case(f"head-only.{extension}", whole[:20], refused=head))
    pages = _animation("TIFF")
    loop = _tiff(*_tiff_page(4, 4, 8, 16), next_page=8)
    grey, colour = Image.new("L", (4, 4)), Image.new("L", (5, 4))
    return [
        *cases,
        Case("half-the-pages.tif", pages[: len(pages) * 2 // 3], refused="truncated"),
        Case("circle.tif", loop, refused="circle"),
        Case("no-pages.tif", b"II*\0\0\0\0\0", refused="no page"),
        Case("pages-differ.tif", saved(grey, "TIFF", save_all=True, append_images=[colour]),
             refused="page 1 is 4x4 uint8, page 2 is 4x5 uint8"),
        Case("strip-past-the-end.tif", _tiff(*_tiff_page(4, 4, 9000, 16)), refused="truncated"),
        Case("bad-lzw.tif", _damaged_lzw(), refused="strip at row 0, column 0"),
        Case("lab.tif", saved(Image.fromarray(PIXELS).convert("LAB"), "TIFF"), refused="LAB"),
        Case("deep-other.pgm", b"P5 2 1 1000\n" + bytes(4), refused="up to 1000"),
        Case("words.ppm", b"P3 1 1 65535\n1 2 3\n", refused="P3"),
        Case("half-deep.ppm", b"P6 2 1 65535\n" + bytes(6), refused="12 bytes, 6 follow"),
        Case("half-header.ppm", b"P6 2 ", refused="truncated"),
        Case("negative.ppm", b"P6 -2 1 255\n" + bytes(6), refused="damaged"),
    ]  # fmt: skip


def _damaged_lzw() -> bytes:
    whole = bytearray(saved(Image.fromarray(PIXELS), "TIFF", compression="tiff_lzw"))
    whole[12:40] = b"\xff" * 28
    return bytes(whole)


def _claiming() -> list[Case]:
    """A few hundred bytes that claim gigabytes."""
    webp = bytearray(_animation("WEBP", lossless=True))
    webp[24:30] = b"\xff" * 6
    gif = bytearray(_animation("GIF"))
    gif[6:10] = b"\xff" * 4
    bmp = bytearray(saved(Image.fromarray(PIXELS), "BMP"))
    bmp[18:26] = struct.pack("<II", 100_000, 100_000)
    return [
        Case("claims.png", png(100_000, 100_000, 8, 2, bytes(90)), refused="bomb"),
        Case("claims-deep.png", png(100_000, 100_000, 16, 2, bytes(90)), refused="bomb"),
        Case("claims-less.png", png(9_000, 9_000, 8, 2, bytes(90)), refused="truncated"),
        Case("claims.jpg", _jpeg_claiming_65535(), refused="bomb"),
        Case("claims.gif", bytes(gif), refused="bomb"),
        Case("claims.bmp", bytes(bmp), refused="bomb"),
        Case("claims.webp", bytes(webp), refused="claims.webp"),  # Pillow's versions differ
        Case("claims.ppm", b"P6 99999 99999 255\n" + bytes(9), refused="bomb"),
        Case("claims-deep.ppm", b"P6 9999999999 9999999999 65535\n" + bytes(9), refused="bomb"),
        Case("claims-packed.tif", _tiff(*_tiff_page(100_000, 100_000, 8, 16, 8)), refused="bomb"),
        Case("claims.tif", _tiff(*_tiff_page(100_000, 100_000, 8, 16)), refused="bomb"),
        Case("claims-less.tif", _tiff(*_tiff_page(9_000, 9_000, 8, 16)), refused="truncated"),
    ]


def _disguised() -> list[Case]:
    """Formats that start programs or are no pictures, under a picture's name."""
    return [
        Case("postscript.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
             refused="PostScript"),
        Case("dos-postscript.png", b"\xc5\xd0\xd3\xc6" + bytes(40), refused="PostScript"),
        Case("pdf.png", b"%PDF-1.7\n", refused="PDF"),
        Case("vector.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", refused="no number"),
        Case("photoshop.png", b"8BPS\0\x01" + bytes(40), refused="first bytes"),
        Case("sound.webp", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40), refused="first bytes"),
        Case("targa.png", bytes([0, 0, 2]) + bytes(60), refused="first bytes"),
        Case("empty.png", b"", refused="empty"),
    ]  # fmt: skip
