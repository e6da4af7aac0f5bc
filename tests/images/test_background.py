"""Transparent results on a colour, and the ways out of what a format cannot hold."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli.errors import UsageError
from poolcli.formats.colours import parse_colour
from poolcli.images.alpha import put_on
from tests.helpers.images import Run, done, noise, picture, pixels

ORANGE = (255, 128, 0)


def on_colour(array: np.ndarray, colour: tuple[int, int, int]) -> list[list[list[int]]]:
    """The same in fractions, pixel by pixel; grey on a colour that is none becomes RGB."""
    peak = int(np.iinfo(array.dtype).max)
    rows = []
    for row in array.tolist():
        rows.append([])
        for *colours, alpha in row:
            grey = len(colours) == 1 and len(set(colour)) == 1
            behind = colour[:1] if grey else colour
            front = colours if len(colours) == len(behind) else colours * 3
            part = Fraction(alpha, peak)
            pairs = zip(front, behind, strict=True)
            rows[-1].append(
                [round(c * part + Fraction(b * peak, 255) * (1 - part)) for c, b in pairs]
            )
    return rows


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), ORANGE])
def test_pixels_on_a_colour(dtype: str, channels: int, colour: tuple[int, int, int]) -> None:
    array = noise(9, 8, channels, dtype=dtype)
    array[0, :4, -1], array[1, :4, -1] = 0, np.iinfo(dtype).max
    on = put_on(array, colour)
    assert on.dtype == array.dtype
    assert on.tolist() == on_colour(array, colour)


def test_floats_on_a_colour() -> None:
    on = put_on(np.array([[[0.5, 0.25]]], np.float32), (255, 255, 255))
    assert (on.dtype, on.tolist()) == (np.float32, [[[0.875]]])


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)),
        ("White", (255, 255, 255)),
        ("#f80", (255, 136, 0)),
        ("#ff8000", ORANGE),
        ("#ff8000ff", ORANGE),
        ("rgb(255, 128, 0)", ORANGE),
        (" black ", (0, 0, 0)),
    ],
)
def test_colours(text: str, colour: tuple[int, int, int]) -> None:
    assert parse_colour(text) == colour


@pytest.mark.parametrize("text", ["", "nocolour", "#ff80", "#ff800", "255", "#ff800080", "1,2,3"])
def test_what_is_no_colour(text: str) -> None:
    with pytest.raises(UsageError, match="use a colour such as white"):
        parse_colour(text)


@pytest.mark.parametrize("op", ["max", "avg"])
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("extension", ["jpg", "bmp", "png", "tif", "webp"])
@pytest.mark.parametrize("colour", ["white", "#ff8000"])
def test_results_on_a_colour(poolcli: Run, op: str, mode: str, extension: str, colour: str) -> None:
    picture(mode).save("a.png")
    done(poolcli(op, "-k", 2, "a.png", "-o", "see_through.png"))
    done(poolcli(op, "-k", 2, "a.png", "-o", f"b.{extension}", "--background", colour))
    expected = on_colour(pixels(Path("see_through.png")), parse_colour(colour))
    with Image.open(f"b.{extension}") as image:
        if extension != "webp":  # which has no grey
            assert len(image.getbands()) == len(expected[0][0])
        found = np.asarray(image.convert("RGB")).astype(int)
    apart = np.abs(found - np.broadcast_to(expected, found.shape))
    assert apart.mean() < (40 if extension == "jpg" else 1e-9)


@pytest.mark.parametrize("name", ["a.png", "a.npy", "grey.tif"])
def test_what_is_opaque_stays_as_it_is(poolcli: Run, name: str) -> None:
    picture("RGB").save("a.png")
    picture("I;16").save("grey.tif")
    np.save("a.npy", noise(4, 4, 3))
    output = "b.tif" if name.endswith("tif") else "b.png"
    done(poolcli("max", "-k", 2, name, "-o", output))
    before = Path(output).read_bytes()
    done(poolcli("max", "-k", 2, name, "-o", output, "--background", "red", "--overwrite"))
    assert Path(output).read_bytes() == before


def test_missing_pixels_of_a_look_are_on_the_colour_too(poolcli: Run) -> None:
    array = np.arange(16.0).reshape(4, 4)
    array[:2, :2] = np.nan
    np.save("a.npy", array)
    for output in ("b.png", "b.jpg"):
        look = ("--normalize", "minmax", "--background", "#ff8000")
        done(poolcli("max", "-k", 2, "a.npy", "-o", output, *look))
    with Image.open("b.jpg") as image:
        assert image.getbands() == ("R", "G", "B")
    assert pixels(Path("b.png"))[0, 0].tolist() == list(ORANGE)


def test_a_stream_and_a_folder(poolcli: Run) -> None:
    picture("RGBA").save("a.png")
    background = ("--background", "white")
    done(poolcli("max", "-k", 2, "a.png", "-o", "out/", "--to", "jpg", *background))
    piped = poolcli("max", "-k", 2, "-", "-o", "-", "-f", "jpg", *background,
                    stdin=Path("a.png").read_bytes())  # fmt: skip
    assert piped.out == Path("out/a.jpg").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("-o b.jpg --background nocolour", "--background 'nocolour': use a colour such as white"),
        ("--background white", "--background is for pictures that are written: say -o FILE.jpg"),
        ("-o b.npy --background white", "--background is for pictures, and .npy is none"),
    ],
)
def test_what_means_nothing(poolcli: Run, arguments: str, said: str) -> None:
    picture("RGBA").save("a.png")
    code, out, err = poolcli("max", "-k", 2, "a.png", *arguments.split())
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert said in err


CASES = [
    ("u1", (4, 4, 4), "RGBA", "jpg", ["--background"]),
    ("u1", (4, 4, 4), "RGBA", "gif", ["--background"]),
    ("u1", (4, 4, 2), "LA", "jpg", ["--background"]),
    ("f8", (4, 4), "", "png", ["--dtype", "--clip", "--normalize"]),
    ("f4", (4, 4, 3), "", "jpg", ["--dtype", "--clip", "--normalize"]),
    ("u2", (4, 4), "", "jpg", ["--dtype", "--clip", "--normalize"]),
    ("u4", (4, 4), "", "png", ["--clip", "--normalize"]),
    ("u1", (4, 4, 9), "", "png", ["--grid", "--colormap"]),
    ("u2", (4, 4, 3), "", "pgm", ["--grid"]),
    ("u1", (2, 4, 4, 3), "", "jpg", ["--grid"]),
    ("u2", (2, 4, 4, 3), "", "png", []),
    ("u1", (2, 3, 4, 4, 3), "", "png", ["--grid"]),
    ("u1", (4, 4, 4, 4), "", "bmp", ["--grid", "--colormap"]),
]
VALUES = {"--dtype": "uint8", "--normalize": "minmax", "--grid": "2", "--colormap": "grey",
          "--background": "white"}  # fmt: skip


@pytest.mark.parametrize(("dtype", "shape", "mode", "extension", "flags"), CASES)
def test_every_way_out_that_is_named_is_one(
    poolcli: Run, dtype: str, shape: tuple[int, ...], mode: str, extension: str, flags: list[str]
) -> None:
    array = (np.random.default_rng(1).random(shape) * 70000 + 300).astype(dtype)
    name = "a.png" if mode else "a.npy"
    if mode:
        Image.fromarray(array, mode).save(name)
    else:
        np.save(name, array)
    refused = poolcli("max", "-k", 1, name, "-o", f"b.{extension}")
    assert (refused.code, refused.err.count("\n")) == (1, 1), refused.err
    advice = refused.err.partition("; ")[2]
    assert sorted(set(re.findall(r"--\w+", advice)) - {"--dtype"}) == sorted({*flags} - {"--dtype"})
    assert all(flag in advice for flag in flags)
    for number, other in enumerate(re.findall(r"\.(\w{3,4})\b", advice)):
        done(poolcli("max", "-k", 1, name, "-o", f"way{number}.{other}"))
    for flag in flags:
        given = [flag, *([VALUES[flag]] if flag in VALUES else [])]
        given += ["--clip"] if flag == "--dtype" else []
        given += ["--dtype", "uint8"] if flag == "--clip" else []
        done(poolcli("max", "-k", 1, name, "-o", f"{flag}.{extension}", *given))
