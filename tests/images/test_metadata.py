"""What comes with the pixels goes on with the result: turned, profiled, described, packed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from poolcli.formats import exif as exif_data
from tests.helpers.images import HEIGHT, WIDTH, Run, done, exif, icc, opened, picture, pixels

LOSSLESS = ("png", "webp", "tif")
ALL = (*LOSSLESS, "jpg")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'


def save(path: Path, image: Image.Image, **options: Any) -> None:
    if path.suffix == ".webp":
        options |= {"lossless": True, "exact": True}
    image.save(path, **options)


# Mode of the input, format, mode of the result as Pillow reads it.
MODES = [
    ("1", "png", "1"), ("L", "png", "L"), ("LA", "png", "LA"), ("P", "png", "RGB"),
    ("RGB", "png", "RGB"), ("RGBA", "png", "RGBA"), ("I;16", "png", "I;16"),
    ("1", "tif", "1"), ("L", "tif", "L"), ("LA", "tif", "LA"), ("P", "tif", "RGB"),
    ("RGB", "tif", "RGB"), ("RGBA", "tif", "RGBA"), ("CMYK", "tif", "CMYK"),
    ("I;16", "tif", "I;16"), ("F", "tif", "F"),
    ("L", "jpg", "L"), ("RGB", "jpg", "RGB"), ("CMYK", "jpg", "CMYK"),
    ("RGB", "webp", "RGB"), ("RGBA", "webp", "RGBA"), ("1", "bmp", "1"), ("L", "bmp", "L"),
    ("RGB", "bmp", "RGB"), ("RGB", "gif", "RGB"),
]  # fmt: skip


@pytest.mark.parametrize("op", ["max", "avg", "median"])
@pytest.mark.parametrize(("mode", "format", "result"), MODES)
def test_modes_stay(
    mode: str, format: str, result: str, op: str, tmp_path: Path, poolcli: Run
) -> None:
    save(tmp_path / f"a.{format}", picture(mode))
    done(poolcli(op, "-k", "2", f"a.{format}", "-o", f"b.{format}"))
    written = opened(tmp_path / f"b.{format}")
    assert written.size == (WIDTH // 2, HEIGHT // 2)
    if format == "gif":
        written = written.convert("RGB")
    # Means of black and white are greys.
    assert written.mode == ("L" if mode == "1" and op != "max" else result)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ALL)
def test_the_result_is_upright(
    format: str, orientation: int, mode: str, tmp_path: Path, poolcli: Run
) -> None:
    source = tmp_path / f"a.{format}"
    save(source, picture(mode), exif=exif(orientation))
    done(poolcli("max", "-k", "1", source, "-o", "b.png"))
    done(poolcli("max", "-k", "2", source, "-o", f"c.{format}"))
    # Pillow turns some TIFFs twice: what a picture looks like upright, a PNG of it tells as well.
    reference = tmp_path / "a.png" if format == "tif" else source
    save(reference, picture(mode), exif=exif(orientation))
    with Image.open(reference) as image:
        turned = ImageOps.exif_transpose(image).convert(mode)
    read = opened(tmp_path / "b.png").convert(mode)
    np.testing.assert_array_equal(np.asarray(read), np.asarray(turned))
    # The tag says upright, so nobody turns it a second time.
    for name in ("b.png", f"c.{format}"):
        assert opened(tmp_path / name).getexif().get(0x0112, 1) == 1
    assert opened(tmp_path / f"c.{format}").size == (turned.width // 2, turned.height // 2)


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("format", ALL)
def test_profile_and_notes_go_on(format: str, target: str, tmp_path: Path, poolcli: Run) -> None:
    if format == "tif":
        # Pillow writes no EXIF below the first directory of a TIFF.
        save(tmp_path / "a.jpg", picture("RGB"), icc_profile=icc(), exif=exif(6))
        done(poolcli("max", "-k", "1", "a.jpg", "-o", "a.tif"))
    else:
        save(tmp_path / f"a.{format}", picture("RGB"), icc_profile=icc(), exif=exif(6))
    done(poolcli("avg", "-k", "2", f"a.{format}", "-o", f"b.{target}"))
    written = opened(tmp_path / f"b.{target}")
    assert written.info["icc_profile"] == icc()
    notes = written.getexif()
    assert (notes[0x010F], notes[0x8298]) == ("Maker", "nobody")
    details, place = notes.get_ifd(0x8769), notes.get_ifd(0x8825)
    assert details[0x829A] == 0.5
    # The size is that of the result, which is turned.
    assert (details[0xA002], details[0xA003]) == (HEIGHT // 2, WIDTH // 2)
    assert place[2] == (10.0, 20.0, 30.0)


def test_notes_are_changed_in_place(tmp_path: Path, poolcli: Run) -> None:
    before = exif(6).tobytes()
    save(tmp_path / "a.jpg", picture("RGB"), exif=before)
    done(poolcli("max", "-k", "1", "a.jpg", "-o", "b.jpg"))
    after = opened(tmp_path / "b.jpg").info["exif"]
    apart = [place for place in range(len(before)) if before[place] != after[place]]
    # A camera's own notes hold addresses, so that everything has to stay where it is.
    assert len(after) == len(before)
    assert len(apart) == 3  # the orientation, and both numbers of the size


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("format", ["png", "jpg", "webp"])
def test_xmp_goes_on_upright(format: str, target: str, tmp_path: Path, poolcli: Run) -> None:
    source = tmp_path / f"a.{format}"
    if format == "png":
        from PIL.PngImagePlugin import PngInfo

        chunks = PngInfo()
        chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
        picture("RGB").save(source, pnginfo=chunks)
    else:
        save(source, picture("RGB"), xmp=XMP)
    done(poolcli("max", "-k", "2", source, "-o", f"b.{target}"))
    written = opened(tmp_path / f"b.{target}").info["xmp"]
    written = written.encode() if isinstance(written, str) else written
    assert written == XMP.replace(b'"6"', b'"1"')


@pytest.mark.parametrize(
    ("space", "mode", "format", "target", "kept"),
    [
        ("GRAY", "L", "png", "png", True),
        ("GRAY", "RGB", "png", "png", False),
        ("RGB", "L", "png", "tif", False),
        ("GRAY", "L", "png", "webp", False),  # which has no grey
        ("CMYK", "CMYK", "jpg", "jpg", True),
        ("CMYK", "CMYK", "tif", "jpg", True),
        ("CMYK", "CMYK", "jpg", "png", False),  # which has no inks
    ],
)
def test_a_profile_of_other_colours_is_left_out(
    space: str, mode: str, format: str, target: str, kept: bool, tmp_path: Path, poolcli: Run
) -> None:
    save(tmp_path / f"a.{format}", picture(mode), icc_profile=icc(space))
    done(poolcli("max", "-k", "2", f"a.{format}", "-o", f"b.{target}"))
    assert (opened(tmp_path / f"b.{target}").info.get("icc_profile") == icc(space)) == kept


def test_inks_are_averaged_as_inks(tmp_path: Path, poolcli: Run) -> None:
    save(tmp_path / "a.tif", picture("CMYK"))
    done(poolcli("avg", "-k", "2", "a.tif", "-o", "b.tif"))
    inks = np.asarray(picture("CMYK")).astype(float)
    expected = np.rint(inks.reshape(HEIGHT // 2, 2, WIDTH // 2, 2, 4).mean((1, 3)))
    np.testing.assert_array_equal(pixels(tmp_path / "b.tif"), expected)


@pytest.mark.parametrize("target", ["png", "webp"])
def test_inks_become_rgb_where_there_are_none(target: str, tmp_path: Path, poolcli: Run) -> None:
    save(tmp_path / "a.tif", picture("CMYK"))
    done(poolcli("max", "-k", "1", "a.tif", "-o", f"b.{target}"))
    expected = np.asarray(picture("CMYK").convert("RGB"))
    np.testing.assert_array_equal(pixels(tmp_path / f"b.{target}"), expected)


def test_a_jpeg_keeps_its_quality_unless_told(tmp_path: Path, poolcli: Run) -> None:
    save(tmp_path / "a.jpg", picture("RGB"), quality=37, subsampling=0)
    done(poolcli("max", "-k", "2", "a.jpg", "-o", "b.jpg"))
    done(poolcli("max", "-k", "2", "a.jpg", "-o", "c.jpg", "--quality", "90"))
    before, same, other = (opened(tmp_path / f"{name}.jpg") for name in "abc")
    assert same.quantization == before.quantization != other.quantization


def test_a_lossy_webp_stays_lossy_and_a_lossless_one_lossless(tmp_path: Path, poolcli: Run) -> None:
    picture("RGB").save(tmp_path / "a.webp", quality=50)
    save(tmp_path / "b.webp", picture("RGB"))
    for name in "ab":
        done(poolcli("max", "-k", "1", f"{name}.webp", "-o", f"{name}2.webp"))
    kinds = [(tmp_path / f"{name}2.webp").read_bytes()[12:16] for name in "ab"]
    assert kinds == [b"VP8 ", b"VP8L"]


def test_compression_is_passed_on(tmp_path: Path, poolcli: Run) -> None:
    Image.new("RGB", (300, 300), (1, 2, 3)).save(tmp_path / "a.png")
    sizes = {}
    for name, level in (("0.png", "0"), ("9.png", "9"), ("n.tif", "none"), ("d.tif", "deflate")):
        done(poolcli("max", "-k", "1", "a.png", "-o", name, "--compression", level))
        sizes[name] = (tmp_path / name).stat().st_size
        np.testing.assert_array_equal(pixels(tmp_path / name), pixels(tmp_path / "a.png"))
    assert sizes["9.png"] < sizes["0.png"]
    assert sizes["d.tif"] < sizes["n.tif"]


def test_a_packed_tiff_stays_packed(tmp_path: Path, poolcli: Run) -> None:
    for name, compression in (("a.tif", "tiff_lzw"), ("b.tif", None)):
        Image.new("RGB", (300, 300)).save(tmp_path / name, compression=compression)
        done(poolcli("max", "-k", "1", name, "-o", f"2{name}"))
    assert (tmp_path / "2a.tif").stat().st_size * 9 < (tmp_path / "2b.tif").stat().st_size


@pytest.mark.parametrize("format", ["png", "jpg", "tif"])
def test_resolution_goes_on(format: str, tmp_path: Path, poolcli: Run) -> None:
    save(tmp_path / f"a.{format}", picture("RGB"), dpi=(300, 300))
    done(poolcli("max", "-k", "2", f"a.{format}", "-o", f"b.{format}"))
    assert opened(tmp_path / f"b.{format}").info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_deep_pictures_keep_their_notes(tmp_path: Path, poolcli: Run) -> None:
    save(tmp_path / "a.png", picture("I;16"), icc_profile=icc("GRAY"), exif=exif(1), dpi=(50, 50))
    done(poolcli("avg", "-k", "2", "a.png", "-o", "b.png"))
    written = opened(tmp_path / "b.png")
    assert written.mode == "I;16"
    assert written.info["icc_profile"] == icc("GRAY")
    assert written.getexif()[0x010F] == "Maker"
    assert written.info["dpi"] == pytest.approx((50, 50), abs=0.1)


@pytest.mark.parametrize("target", ["tif", "jpg"])
@pytest.mark.parametrize("kind", ["shaped", "ome", "imagej", "plain"])
def test_descriptions_of_the_shape_do_not_go_on_and_others_do(
    kind: str, target: str, tmp_path: Path, poolcli: Run
) -> None:
    stack = np.stack([np.asarray(picture("L", seed)) for seed in range(5)])
    options: dict[str, Any] = {"metadata": {"axes": "ZYX"}, kind: True}
    if kind == "shaped":
        options = {"metadata": {"axes": "ZYX"}}
    elif kind == "plain":
        options = {"metadata": None, "description": "five {of} them"}
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    if target == "jpg":  # which holds one
        tifffile.imwrite(tmp_path / "a.tif", stack[:1], photometric="minisblack", **options)
    # Pages that are no depth are none of OME's and ImageJ's either.
    layout = ("--layout", "NHW") if target == "tif" else ()
    done(poolcli("max", "-k", "2", "a.tif", "-o", f"b.{target}", *layout))
    said = opened(tmp_path / f"b.{target}").getexif().get(0x010E)
    assert said == ("five {of} them" if kind == "plain" else None)
    if target == "tif":
        expected = stack.reshape(5, HEIGHT // 2, 2, WIDTH // 2, 2).max((2, 4))
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), expected)


def _damaged() -> dict[str, bytes]:
    sound = exif(6).tobytes()
    entry = sound.index(b"Maker")
    return {
        "cut": sound[:20],
        "cut in a value": sound[: entry + 2],
        "no heading": b"Exif\0\0",
        "neither order": b"Exif\0\0XX*\0" + sound[10:],
        "far away": sound[:10] + b"\xff\xff\xff\xff" + sound[14:],
        "itself": sound[:10] + struct.pack(">I", 4) + sound[14:],
        "endless": sound[:14] + b"\xff\xff" + sound[16:],
        "huge": sound + b"\0" * 65000,
        "noise": np.random.default_rng(3).bytes(500),
    }


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
@pytest.mark.parametrize("damage", list(_damaged()))
def test_damaged_notes_are_no_damage_to_the_picture(
    damage: str, format: str, target: str, tmp_path: Path, poolcli: Run
) -> None:
    data = _damaged()[damage]
    if format == "jpg":
        data = data[:65000]
    save(tmp_path / f"a.{format}", picture("RGB"), exif=data)
    outcome = done(poolcli("max", "-k", "2", f"a.{format}", "-o", f"b.{target}", "-q"))
    assert outcome.err == ""
    opened(tmp_path / f"b.{target}").getexif().get_ifd(0x8769)


@pytest.mark.parametrize("target", ALL)
@pytest.mark.parametrize("format", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize(
    "profile",
    [b"", b"x", icc()[:100], b"\xff" * 200, b"\xff\xff\xff\xff" + icc()[4:], icc() + b"tail"],
    ids=["empty", "short", "cut", "noise", "says more", "has more"],
)
def test_damaged_profiles_are_left_out(
    profile: bytes, format: str, target: str, tmp_path: Path, poolcli: Run
) -> None:
    save(tmp_path / f"a.{format}", picture("RGB"), icc_profile=profile)
    outcome = done(poolcli("max", "-k", "2", f"a.{format}", "-o", f"b.{target}", "-q"))
    assert outcome.err == ""
    kept = icc() if profile.startswith(icc()) else None
    assert opened(tmp_path / f"b.{target}").info.get("icc_profile") == kept


@pytest.mark.parametrize("name", list(_damaged()))
def test_no_structure_makes_the_reader_fail(name: str) -> None:
    data = exif_data.without_heading(_damaged()[name])
    if data is not None:
        assert exif_data.upright(data) is None or exif_data.parse(data)


def test_every_cut_of_a_structure_is_read_or_refused() -> None:
    sound = exif(6).tobytes()[6:]
    whole = exif_data.upright(sound)
    assert whole is not None
    for end in range(8, len(sound)):
        cut = exif_data.upright(sound[:end])
        assert cut is None or len(cut) == end
