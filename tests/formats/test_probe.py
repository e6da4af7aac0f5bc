"""What headers tell is what reading gives."""

from __future__ import annotations

import os
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image

from poolcli import formats
from poolcli.errors import InputError
from poolcli.formats.base import SourceInfo
from poolcli.formats.settings import DEFAULT_READING, Reading

COLOURS = (np.arange(5 * 7 * 4) % 251).astype(np.uint8).reshape(5, 7, 4)
MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I", "F"]
EXTENSIONS = [".png", ".jpg", ".gif", ".bmp", ".tif", ".webp", ".ppm"]


def save(path: Path, mode: str, **options: object) -> bool:
    """Save a picture of this mode, if the kind of file can hold it."""
    image = Image.fromarray(COLOURS[..., :3])
    if mode in ("I;16", "I", "F"):
        image = Image.fromarray(COLOURS[..., 0].astype({"I;16": "u2", "I": "i4", "F": "f4"}[mode]))
    else:
        image = Image.fromarray(COLOURS).convert(mode) if mode != "PA" else image
    try:
        image.save(path, **options)
    except (OSError, ValueError, KeyError):
        return False
    return image.mode == mode


def by_header(path: Path | str, settings: Reading = DEFAULT_READING) -> list[SourceInfo] | None:
    """Give what headers tell; None where the values have to be read."""
    file = formats.open_file(str(path), settings)
    return [source.info for source in file.sources()] if file.has_header else None


def whole(source: formats.Source) -> SourceInfo:
    """Describe an array by its values."""
    array = source.array
    geo = None if source.metadata is None else source.metadata.geo
    nodata = None if geo is None else geo.missing(array.dtype)
    return source.info._replace(shape=array.shape, dtype=array.dtype, nodata=nodata)


def check(path: Path) -> None:
    """Compare what is told with what is read."""
    try:
        read = [whole(loaded) for loaded in formats.read_file(str(path))]
    except InputError:  # of a kind that is not read; a header is then told of, or refused
        return
    assert list(formats.describe_file(str(path))) == read
    told = by_header(path)
    assert told is None or told == read


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_pictures(mode: str, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    if save(path, mode):
        check(path)


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures(mode: str, orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.jpg", "a.webp", "a.tif"):
        if save(tmp_path / name, mode, exif=exif):
            check(tmp_path / name)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("extension", [".png", ".gif", ".webp", ".tif"])
def test_frames(frames: int, extension: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{extension}"
    first, *more = [Image.fromarray(COLOURS[..., :3] + n) for n in range(frames)]
    first.save(path, save_all=True, append_images=more)
    check(path)


def test_transparency(tmp_path: Path) -> None:
    for mode, key in (("L", 3), ("RGB", (1, 2, 3)), ("P", 3), ("P", b"\x00\x01")):
        save(tmp_path / "a.png", mode, transparency=key)
        check(tmp_path / "a.png")


def test_deep_and_odd_tiffs(tmp_path: Path) -> None:
    import tifffile

    for number, array in enumerate(
        (
            np.zeros((5, 7, 3), np.uint16),
            np.zeros((5, 7), np.float64),
            np.zeros((5, 7, 5), np.int16),
            np.zeros((3, 5, 7), np.uint8),
        )
    ):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, array, metadata=None, photometric="minisblack")
        check(path)


def test_arrays_and_text(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 4), ">f4", order="F"))
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros((2, 3)), b=np.zeros(5, np.int8))
    (tmp_path / "a.csv").write_text("1,2\n3,4.5\n")
    for path in tmp_path.iterdir():
        check(path)
    (one,) = formats.describe_file(f"{tmp_path}/a.npz:b")
    assert (one.label, one.shape, one.member) == (f"{tmp_path}/a.npz:b", (5,), "b")


@pytest.mark.parametrize("extension", [".gif", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA", "CMYK"])
def test_what_headers_do_not_tell_is_told_as_no_smaller(
    mode: str, extension: str, tmp_path: Path
) -> None:
    path = tmp_path / f"a{extension}"
    frames = [Image.new("RGB", (7, 5), (n, 80, 9)).convert(mode) for n in range(3)]
    try:
        frames[0].save(path, save_all=True, append_images=frames[1:])
    except (OSError, ValueError):
        return
    file = formats.open_file(str(path))
    most = sum(info.nbytes for info in by_header(path) or []) or file.most_bytes
    (read,) = file.sources()
    assert most >= read.array.nbytes


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_deep_pictures(channels: int, tmp_path: Path) -> None:
    pixels = np.arange(5 * 7 * channels, dtype=np.uint16).reshape(5, 7, channels)
    for extension in (".png", ".tif", *([".ppm"] if channels == 3 else [])):
        path = str(tmp_path / f"a{extension}")
        formats.write_file(path, pixels)
        check(Path(path))
        (told,) = by_header(path) or []
        assert (told.shape[:2], told.dtype) == ((5, 7), np.uint16)


def test_nothing_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    imageio.imwrite(path, np.zeros((3000, 2000, 3), np.uint8))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    (told,) = by_header(path) or []
    assert (told.shape, told.dtype) == ((3000, 2000, 3), np.uint8)


def test_pipes_are_not_emptied(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.npy"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDWR)  # somebody to write, so that opening does not wait
    try:
        with pytest.raises(InputError, match="pipe.npy: it is a pipe"):
            list(formats.describe_file(str(pipe)))
    finally:
        os.close(holder)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb", "palette", "separated"])
@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize("orientation", [None, 1, 3, 6])
def test_headers_of_tiffs_tell_all(
    photometric: str, pages: int, orientation: int | None, tmp_path: Path
) -> None:
    import tifffile

    channels = {"rgb": 3, "separated": 4}.get(photometric, 1)
    pixels = COLOURS[..., :channels] if channels > 1 else COLOURS[..., 0]
    more = {"colormap": np.zeros((3, 256), np.uint16)} if photometric == "palette" else {}
    tags = [(42113, "s", 0, "9", False)]
    tags += [] if orientation is None else [(274, "H", 1, orientation, False)]
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for _ in range(pages):
            writer.write(
                pixels,
                photometric=photometric,
                extratags=tags,
                metadata=None,
                contiguous=False,
                planarconfig="contig" if channels > 1 else None,
                **more,
            )
    check(path)
    assert by_header(path) is not None
    for cmyk in (False, True):
        settings = formats.Reading(cmyk=cmyk)
        read = [whole(one) for one in formats.read_file(str(path), settings)]
        assert by_header(path, settings) == read


def test_a_tiff_that_is_cut_off_is_told_by_its_header(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((60, 70), np.uint8), metadata=None)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="it is truncated"):
        list(formats.describe_file(str(path)))
