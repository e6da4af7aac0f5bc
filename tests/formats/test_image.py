"""Pictures: every value survives the way out and back, or the format is refused by name."""

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from poolcli.errors import InputError, OutputError
from poolcli.formats import guard, png
from poolcli.formats.base import Source
from poolcli.formats.limits import target_dtype
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.settings import Packing, Reading
from poolcli.formats.sinks import write_file

RNG = np.random.default_rng(11)
H, W = 6, 9

# extension -> (dtype, channels or None, frames or None) that it holds exactly
EXACT = {
    ".png": [("?", None, None), ("u1", None, None), ("u2", None, None)]
    + [(dtype, channels, None) for dtype in ("u1", "u2") for channels in (2, 3, 4)]
    + [("u1", None, 3), ("u1", 3, 3), ("u1", 4, 3)],
    ".gif": [("u1", 3, None), ("u1", 3, 3)],
    ".bmp": [("?", None, None), ("u1", None, None), ("u1", 3, None)],
    ".webp": [("u1", 3, None), ("u1", 4, None), ("u1", 3, 3)],
    ".pbm": [("?", None, None)],
    ".pgm": [("u1", None, None), ("u2", None, None)],
    ".ppm": [("u1", 3, None), ("u2", 3, None)],
    ".tif": [("?", None, None), ("?", None, 3)]
    + [
        (dtype, channels, frames)
        for dtype in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
        for channels in (None, 2, 3, 4, 7)
        for frames in (None, 3)
    ],
}
TABLE = [(extension, *kind) for extension, kinds in EXACT.items() for kind in kinds]


def pixels(dtype: str, channels: int | None, frames: int | None) -> np.ndarray:
    shape = [n for n in (frames, H, W, channels) if n is not None]
    if np.dtype(dtype).kind == "f":
        return RNG.standard_normal(shape).astype(dtype)
    top = 2 if dtype == "?" else min(np.iinfo(dtype).max, 2**40)
    return RNG.integers(0, top, shape).astype(dtype)


def only(path: Path) -> Source:
    (loaded,) = read_file(str(path))
    return loaded


@pytest.mark.parametrize(("extension", "dtype", "channels", "frames"), TABLE)
def test_round_trip(
    extension: str, dtype: str, channels: int | None, frames: int | None, tmp_path: Path
) -> None:
    array = pixels(dtype, channels, frames)
    layout = ("N" if frames else "") + "HW" + ("C" if channels else "")
    path = tmp_path / f"a{extension}"
    write_file(str(path), array.astype(array.dtype.newbyteorder(">")), layout=layout)
    loaded = only(path)
    assert (loaded.kind, loaded.layout, loaded.format) == ("image", layout, extension)
    assert loaded.array.dtype == array.dtype
    np.testing.assert_array_equal(loaded.array, array)


@pytest.mark.parametrize(("extension", "dtype", "channels", "frames"), TABLE)
def test_target_dtype_agrees_with_what_is_written(
    extension: str, dtype: str, channels: int | None, frames: int | None
) -> None:
    assert target_dtype(extension, np.dtype(dtype)) == np.dtype(dtype)


def test_jpeg_is_close(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:64, 0:64]
    smooth = np.stack([rows * 2, columns * 2, rows + columns], axis=-1).astype(np.uint8)
    write_file(str(tmp_path / "a.jpg"), smooth)
    loaded = only(tmp_path / "a.jpg")
    assert (loaded.layout, loaded.format) == ("HWC", ".jpg")
    assert np.abs(loaded.array.astype(int) - smooth).mean() < 2


@pytest.mark.parametrize(
    ("layout", "order"), [("CHW", (2, 0, 1)), ("HWC", (0, 1, 2)), ("NCHW", None), ("NHWC", None)]
)
def test_layouts_are_turned_to_channels_last(
    layout: str, order: tuple[int, ...] | None, tmp_path: Path
) -> None:
    array = pixels("u1", 3, None)
    given = array.transpose(order) if order else array[None]
    if layout == "NCHW":
        given = given.transpose(0, 3, 1, 2)
    write_file(str(tmp_path / "a.png"), given, layout=layout)
    np.testing.assert_array_equal(only(tmp_path / "a.png").array, array)


@pytest.mark.parametrize(
    ("name", "shape", "dtype", "layout", "message"),
    [
        ("a.png", (4, 4, 5), "u1", None, r"PNG holds 1, 2, 3, 4 channel.*has 5 \(4x4x5\)"),
        ("a.jpg", (4, 4, 4), "u1", None, r"JPEG holds 1, 3 channel.*has 4.*write \.png"),
        ("a.jpg", (4, 4), "u2", None, r"JPEG holds uint8, .* uint16; use .* or write \.png"),
        ("a.jpg", (2, 4, 4, 3), "u1", None, "JPEG holds one picture, the result has 2"),
        ("a.png", (4, 4), "f4", None, "PNG holds bool, uint8, uint16, the result is float32"),
        ("a.png", (4, 4), "i8", None, "PNG holds bool, uint8, uint16, the result is int64"),
        ("a.png", (2, 4, 4, 3), "u2", None, "PNG animates 8 bits"),
        ("a.tif", (4, 4), "g", None, "TIFF holds .* the result is (long|float)"),
        ("a.gif", (4, 4, 4), "u1", None, "GIF pixels are opaque or not at all"),
        ("a.pgm", (4, 4, 3), "u1", None, r"PGM holds 1 channel.*has 3"),
        ("a.png", (4,), "u1", None, "a picture has height and width, the result is 4"),
        ("a.png", (), "u1", None, "a picture has height and width, the result is 0-d"),
        ("a.png", (2, 4, 4), "u1", "DHW", "the result is 2x4x4 DHW; `grid` .*, or write .npy"),
        ("a.png", (2, 3, 4, 4, 1), "u1", None, "the result is 2x3x4x4x1"),
        ("a.png", (0, 4), "u1", None, "a picture is not empty, the result is 0x4"),
        ("a.xyz", (4, 4), "u1", None, r"extension '\.xyz' is unknown; those written are \.npy"),
        ("a", (4, 4), "u1", None, "it has no extension"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    layout: str | None,
    message: str,
    tmp_path: Path,
) -> None:
    array = (np.ones(shape) * 7).astype(dtype)
    with pytest.raises(OutputError, match=message) as refused:
        write_file(str(tmp_path / name), array, layout=layout)
    assert str(refused.value).startswith(f"{tmp_path}/{name}: ")
    assert "\n" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("extension", "source", "target"),
    [
        (".png", ">u2", "u2"), (".png", "i8", "u1"), (".jpg", "u1", "u1"), (".jpg", "i4", "u1"),
        (".PNG", "u1", "u1"), (".tif", "i2", "i2"), (".tif", ">f8", "f8"), (".npy", "f8", None),
        (".npz", "?", None), (".csv", "u1", None), (".bmp", "?", "?"), (".ppm", "u2", "u2"),
    ],
)  # fmt: skip
def test_target_dtype(extension: str, source: str, target: str | None) -> None:
    expected = None if target is None else np.dtype(target)
    assert target_dtype(extension, np.dtype(source)) == expected


@pytest.mark.parametrize(
    ("extension", "source"), [(".png", "f4"), (".jpg", "u2"), (".jpg", "?"), (".pbm", "u1")]
)
def test_target_dtype_refuses_what_would_be_cut(extension: str, source: str) -> None:
    with pytest.raises(OutputError, match="holds"):
        target_dtype(extension, np.dtype(source))


def plain_png(array: np.ndarray, interlace: bool = False) -> bytes:
    """Encode 16 bits without any filter, on our own: the second opinion on deep PNGs."""
    height, width, channels = array.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    parts = [array]
    if interlace:
        passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2),
                  (0, 1, 2, 2), (1, 0, 2, 1))  # fmt: skip
        parts = [array[y::dy, x::dx] for y, x, dy, dx in passes]
    rows = b"".join(
        b"\0" + row.astype(">u2").tobytes() for part in parts for row in part if row.size
    )
    head = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, int(interlace))
    data = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        data += struct.pack(">I", len(body)) + name + body
        data += struct.pack(">I", zlib.crc32(name + body))
    return data


@pytest.mark.parametrize("interlace", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_png_is_read_as_16_bits(channels: int, interlace: bool, tmp_path: Path) -> None:
    array = RNG.integers(0, 65536, (13, 11, channels), dtype=np.uint16)
    (tmp_path / "a.png").write_bytes(plain_png(array, interlace))
    read = only(tmp_path / "a.png").array
    np.testing.assert_array_equal(read, array[..., 0] if channels == 1 else array)


TURNED: dict[int, Callable[[Any], np.ndarray]] = {
    1: np.asarray,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_orientation_is_applied(mode: str, orientation: int, kind: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if kind == "TIFF":
        options = {"tiffinfo": {0x0112: orientation}}
    else:
        options["exif"] = exif
    path = tmp_path / f"a.{kind.lower()}"
    picture = Image.fromarray(pixels("u1", 3, None)).convert(mode)
    picture.save(path, **options)
    with Image.open(path) as image:
        stored = picture if kind == "TIFF" else np.asarray(image)
    np.testing.assert_array_equal(only(path).array, TURNED[orientation](stored))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1", "P", "CMYK", "I;16", "F"])
def test_tiff_compressions(mode: str, orientation: int, compression: str, tmp_path: Path) -> None:
    picture = Image.fromarray(pixels("u1", 3, None))
    if mode in ("I;16", "F"):
        picture = Image.fromarray(pixels("u2" if mode == "I;16" else "f4", None, None))
    else:
        picture = picture.convert(mode)
    path = tmp_path / "a.tif"
    picture.save(path, compression=compression, tiffinfo={0x0112: orientation})
    expected = np.asarray(picture.convert("RGB") if mode in ("P", "CMYK") else picture)
    if orientation == 6:
        expected = np.rot90(expected, k=3)
    np.testing.assert_array_equal(only(path).array, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_grey_of_few_bits(bits: int) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)

    levels, rows = 2**bits, 3
    greys = np.arange(8 * rows).reshape(rows, 8) % levels
    packed = np.packbits((greys[..., None] >> np.arange(bits)[::-1]) & 1, axis=None)
    lines = np.pad(packed.reshape(rows, -1), ((0, 0), (1, 0))).tobytes()
    for key in range(min(levels, 20)):
        data = png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, rows, bits, 0, 0, 0, 0))
        data += chunk(b"tRNS", struct.pack(">H", key)) + chunk(b"IDAT", zlib.compress(lines))
        (picture,) = read_stdin(io.BytesIO(data + chunk(b"IEND", b"")))
        read = picture.array
        np.testing.assert_array_equal(read[..., 0], greys * 255 // (levels - 1))
        np.testing.assert_array_equal(read[..., 1], (greys != key) * 255)


def test_palette_keeps_its_transparency(tmp_path: Path) -> None:
    picture = Image.fromarray(pixels("u1", 3, None)).quantize(8)
    picture.save(tmp_path / "a.png", transparency=3)
    read = only(tmp_path / "a.png").array
    np.testing.assert_array_equal(read[..., 3] == 0, np.asarray(picture) == 3)
    np.testing.assert_array_equal(read[..., :3], np.asarray(picture.convert("RGB")))


def test_a_transparent_colour_becomes_alpha(tmp_path: Path) -> None:
    array = pixels("u1", 3, None)
    colour = tuple(array[2, 3].tolist())
    Image.fromarray(array).save(tmp_path / "a.png", transparency=colour)
    read = only(tmp_path / "a.png").array
    assert read.shape == (H, W, 4)
    np.testing.assert_array_equal(read[..., 3] == 0, (array == colour).all(axis=2))


def test_cmyk_becomes_rgb_and_says_so(tmp_path: Path) -> None:
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a.jpg")
    loaded = only(tmp_path / "a.jpg")
    assert loaded.metadata.mode == "CMYK"
    assert loaded.array.shape == (4, 4, 3)
    assert loaded.array[0, 0, 0] < 10 < 245 < loaded.array[0, 0, 1]


def test_white_is_zero(tmp_path: Path) -> None:
    import tifffile

    array = pixels("u1", None, None)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
    np.testing.assert_array_equal(only(tmp_path / "a.tif").array, 255 - array)


def test_reduced_pages_of_a_tiff_are_not_frames(tmp_path: Path) -> None:
    import tifffile

    array = pixels("u1", 3, None)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(array, metadata=None)
        writer.write(array[::2, ::2], subfiletype=1, metadata=None)
    loaded = only(tmp_path / "a.tif")
    assert loaded.layout == "HWC"
    np.testing.assert_array_equal(loaded.array, array)


def test_pixels_beyond_the_bomb_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(guard, "MAX_PIXELS", 9999)
    with pytest.raises(InputError, match=r"a\.png: it claims 100x100 pixels; more than 9999 are"):
        only(tmp_path / "a.png")


def test_no_warning_leaks_below_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 6000)
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        assert only(tmp_path / "a.png").array.shape == (100, 100)
    assert leaked == []


def test_memory_limit(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        write_file(str(tmp_path / name), np.zeros((100, 100), np.uint8))
        with pytest.raises(InputError, match="bytes of memory, and 1000 bytes are available"):
            list(read_file(str(tmp_path / name), Reading(max_bytes=1000)))


def test_a_failing_encoder_leaves_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bmp"
    write_file(str(path), pixels("u1", 3, None))
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("encoder error -2 when writing image file")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OutputError, match=r"a\.bmp: encoder error -2"):
        write_file(str(path), pixels("u1", 3, None), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [None, 2, 3, 4])
def test_written_pngs_are_read_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: str, channels: int | None
) -> None:
    array = pixels(dtype, channels, None)
    path = tmp_path / "a.png"
    for level, longest in ((0, 2**30), (4, 2**30), (9, 100)):
        monkeypatch.setattr(png, "_LONGEST_CHUNK", longest)
        packing = Packing(compression=str(level))
        write_file(str(path), array, overwrite=True, packing=packing)
        with path.open("rb") as file:
            png.check_checksums(file)
        np.testing.assert_array_equal(imagecodecs.png_decode(path.read_bytes()), array)
        with Image.open(path) as image:
            seen = np.asarray(image)
        if dtype == "u1":
            np.testing.assert_array_equal(seen, array)


def test_a_png_may_be_wider_than_others_allow(tmp_path: Path) -> None:
    array = np.arange(1_000_001).astype(np.uint8)[None]
    write_file(str(tmp_path / "a.png"), array)
    np.testing.assert_array_equal(only(tmp_path / "a.png").array, array)
