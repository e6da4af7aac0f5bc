"""GeoTIFF: where pixels lie and what is missing goes on with a result, as rasterio sees it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from pictured import Run

from poolcli import pool

rasterio = pytest.importorskip("rasterio", reason="it is the second opinion; pip install '.[dev]'")

SIZE, SCALE, LEFT, TOP = (14, 18), (10.0, 5.0), 500_000.0, 5_200_000.0
VALUES = (np.arange(SIZE[0] * SIZE[1]) % 251).astype(np.uint8).reshape(SIZE)
HOLES = np.random.default_rng(5).random(SIZE) < 0.3


def save(
    path: str = "in.tif", values: np.ndarray = VALUES, nodata: float | None = 255, **more: Any
) -> None:
    """Write a map by GDAL: rows and columns, or bands before them."""
    bands = values if values.ndim == 3 else values[None]
    profile = {
        "driver": "GTiff",
        "count": len(bands),
        "height": bands.shape[1],
        "width": bands.shape[2],
        "dtype": bands.dtype,
        "crs": "EPSG:32633",
        "transform": rasterio.Affine(SCALE[0], 0, LEFT, 0, -SCALE[1], TOP),
        "nodata": nodata,
    }
    tags = more.pop("tags", {})
    with rasterio.open(path, "w", **(profile | more)) as file:
        file.write(bands)
        for band, of_band in tags.items():
            file.update_tags(band, **of_band)


def facts(path: str = "out.tif") -> dict[str, Any]:
    """Say what rasterio sees."""
    with rasterio.open(path) as file:
        names = ("crs", "transform", "bounds", "nodata", "shape", "res")
        return {name: getattr(file, name) for name in names} | {"tags": file.tags()}


def done(outcome: Any) -> Any:
    assert outcome.code == 0, outcome.err
    return outcome


def test_the_same_place_with_pixels_twice_as_large(poolcli: Run) -> None:
    save(tags={0: {"AREA_OR_POINT": "Area", "SEASON": "wet"}, 1: {"STATISTICS_MAXIMUM": "250"}})
    said = done(poolcli("avg", "-k", 2, "in.tif", "-o", "out.tif"))
    assert "avg 2x2 stride 2 nodata 255 " in said.err
    before, after = facts("in.tif"), facts()
    assert after["crs"] == before["crs"] == "EPSG:32633"
    assert after["res"] == (20, 10)
    assert after["bounds"] == before["bounds"]
    assert after["nodata"] == 255
    assert after["tags"]["SEASON"] == "wet"
    with rasterio.open("out.tif") as file:
        assert not file.tags(1)  # the largest value is another one now


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float64"])
@pytest.mark.parametrize("op", ["max", "min", "avg", "median", "mode", "quantile"])
def test_what_is_missing_is_not_pooled(poolcli: Run, op: str, dtype: str) -> None:
    missing = 255 if dtype == "uint8" else 65535 if dtype == "uint16" else -9999
    values = np.where(HOLES, missing, VALUES % 20).astype(dtype)
    values[:2, :2] = missing
    save(values=values, nodata=missing)
    done(poolcli(op, "-k", 2, "in.tif", "-o", "out.tif"))
    done(poolcli(op, "-k", 2, "in.tif", "-o", "out.npy"))
    with rasterio.open("out.tif") as file:
        got = file.read(1)
        assert file.nodata == missing
    expected = pool(values, op, 2, nodata=missing)
    np.testing.assert_array_equal(np.load("out.npy"), expected)
    np.testing.assert_array_equal(
        got, pool(values, op, 2, nodata=missing, dtype=dtype, fit="round")
    )
    assert got[0, 0] == missing
    # What is typed wins, and is what the result says.
    done(poolcli(op, "-k", 2, "in.tif", "-o", "typed.tif", "--nodata", 7))
    assert facts("typed.tif")["nodata"] == 7
    with rasterio.open("typed.tif") as file:
        np.testing.assert_array_equal(
            file.read(1), pool(values, op, 2, nodata=7, dtype=dtype, fit="round")
        )


# Options, and for each axis of 14 and 18 cells where the first window begins, how many cells it
# reaches over, and how far windows are apart.
WINDOWS = [
    ("max -k 2", (0, 2, 2), (0, 2, 2)),
    ("max -k 3", (0, 3, 3), (0, 3, 3)),
    ("max -k 2x3", (0, 2, 2), (0, 3, 3)),
    ("max -k 3 -s 2", (0, 3, 2), (0, 3, 2)),
    ("max -k 3 -s 2 -p 1", (-1, 3, 2), (-1, 3, 2)),
    ("max -k 3 -s 2 -p 0:1,2:0", (0, 3, 2), (-2, 3, 2)),
    ("max -k 3 -s 1 -p same", (-1, 3, 1), (-1, 3, 1)),
    ("max -k 2 -s 3 --dilation 3", (0, 4, 3), (0, 4, 3)),
    ("max -k 4 --ceil", (0, 4, 4), (0, 4, 4)),
    ("blur -k 3 -s 2", (-1, 3, 2), (-1, 3, 2)),
    ("adaptive max --output-size 7x9", (0, 2, 2), (0, 2, 2)),
    ("adaptive max --output-size 4x5", (0, 3.5, 3.5), (0, 3.6, 3.6)),
    ("adaptive max --output-size 1x36", (0, 14, 14), (0, 0.5, 0.5)),
    ("global max --keepdims", (0, 14, 14), (0, 18, 18)),
    ("chain;max 3/2 p1 | avg 2", (-1, 5, 4), (-1, 5, 4)),
    ("chain;max 2 | global avg keep", (0, 14, 14), (0, 18, 18)),
]


@pytest.mark.parametrize("point", [False, True])
@pytest.mark.parametrize(("words", "rows", "columns"), WINDOWS, ids=[row[0] for row in WINDOWS])
def test_pixels_stand_in_the_middle_of_their_windows(
    poolcli: Run, words: str, rows: Any, columns: Any, point: bool
) -> None:
    save(tags={0: {"AREA_OR_POINT": "Point" if point else "Area"}}, nodata=None)
    typed = words.split(";") if ";" in words else words.split()
    done(poolcli(*typed, "in.tif", "-o", "out.tif"))
    before, after = facts("in.tif"), facts()
    assert after["tags"]["AREA_OR_POINT"] == ("Point" if point else "Area")
    for j, i in itertools.product((0, after["shape"][0] - 1), (0, after["shape"][1] - 1)):
        # Centres, in cells of the input: GDAL counts them from corners whatever the file does.
        row, column = (
            start + reach / 2 + step * number
            for (start, reach, step), number in ((rows, j), (columns, i))
        )
        expected = before["transform"] @ (column, row)
        np.testing.assert_allclose(after["transform"] @ (i + 0.5, j + 0.5), expected, rtol=1e-12)
    assert np.allclose(after["res"], (columns[2] * SCALE[0], rows[2] * SCALE[1]))


def test_fractional_windows_keep_their_ends(poolcli: Run) -> None:
    save()
    done(poolcli("fractional", "max", "--output-size", "5x7", "in.tif", "-o", "out.tif"))
    after, transform = facts(), facts("in.tif")["transform"]
    size = (3, 3)  # ⌈14/5⌉ and ⌈18/7⌉
    last = transform @ (SIZE[1] - size[1] / 2, SIZE[0] - size[0] / 2)
    np.testing.assert_allclose(after["transform"] @ (6.5, 4.5), last)
    np.testing.assert_allclose(after["transform"] @ (0.5, 0.5), transform @ (1.5, 1.5))


def test_a_map_that_is_turned(poolcli: Run) -> None:
    turned = rasterio.Affine(8, 3, LEFT, 2, -7, TOP)
    save(transform=turned)
    with tifffile.TiffFile("in.tif") as tiff:
        assert 34264 in tiff.pages[0].tags
    done(poolcli("max", "-k", 3, "-s", 2, "-p", 1, "in.tif", "-o", "out.tif"))
    expected = turned @ rasterio.Affine.translation(-0.5, -0.5) @ rasterio.Affine.scale(2)
    np.testing.assert_allclose(facts()["transform"], expected)


def test_ground_control_points(poolcli: Run) -> None:
    points = [
        rasterio.control.GroundControlPoint(row, column, LEFT + 10 * column, TOP - 5 * row)
        for row, column in ((0, 0), (0, 18), (14, 0), (14, 18))
    ]
    save(gcps=points, transform=None)
    done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif"))
    with rasterio.open("out.tif") as file:
        found, crs = file.gcps
    assert crs == "EPSG:32633"
    assert [(p.row, p.col, p.x, p.y) for p in found] == [
        (p.row / 2, p.col / 2, p.x, p.y) for p in points
    ]


def test_put_back_they_lie_where_they_lay(poolcli: Run) -> None:
    save(nodata=None)
    done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif", "--indices", "i.npy"))
    for options in (["-k", "2"], ["--output-size", "14x18"]):
        typed = ["unpool", "out.tif", "--indices", "i.npy", *options, "-o", "back.tif"]
        done(poolcli(*typed, "--overwrite"))
        assert facts("back.tif")["transform"] == facts("in.tif")["transform"]


def test_several_bands_and_big_files(poolcli: Run) -> None:
    values = np.stack([VALUES] * 5)
    values[:, HOLES] = 0
    save(values=values, nodata=0, BIGTIFF="YES", interleave="band", compress="deflate")
    done(poolcli("min", "-k", 2, "in.tif", "-o", "out.tif"))
    after = facts()
    assert (after["nodata"], after["res"], after["crs"]) == (0, (20, 10), "EPSG:32633")
    with rasterio.open("out.tif") as file:
        expected = pool(values, "min", 2, layout="CHW", nodata=0)
        np.testing.assert_array_equal(file.read(), expected)


@pytest.mark.parametrize(
    ("nodata", "dtype", "told"),
    [
        ("nan", "float32", "NaN"),
        ("-3.4028234663852886e+38", "float32", -3.4028234663852886e38),
        ("-9999", "uint8", None),
        ("0.5", "uint8", None),
        ("junk", "uint8", None),
        ("inf", "uint8", None),
        ("", "uint8", None),
        ("9007199254740993", "int64", 9007199254740993),
        ("300", "uint16", 300),
    ],
)
def test_nodata_in_figures(poolcli: Run, nodata: str, dtype: str, told: Any) -> None:
    values = np.ones((4, 4), dtype)
    values[0] = 7 if told is None else np.array(float("nan") if told == "NaN" else told, dtype)
    tifffile.imwrite("in.tif", values, extratags=[(42113, "s", 0, nodata, False)], metadata=None)
    assert json.loads(poolcli("info", "in.tif", "--json").text).get("nodata") == told
    done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif", "--dtype", dtype))
    got = tifffile.imread("out.tif")
    np.testing.assert_array_equal(got, np.array([[7 if told is None else 1] * 2, [1, 1]], dtype))
    with tifffile.TiffFile("out.tif") as tiff:
        assert (tiff.pages[0].tags.valueof(42113) or "") == nodata


def test_white_is_zero(poolcli: Run) -> None:
    stored = np.array([[3, 200], [9, 9]], np.uint8)
    tags = [(42113, "s", 0, "200", False)]
    tifffile.imwrite("in.tif", stored, photometric="miniswhite", extratags=tags, metadata=None)
    done(poolcli("min", "-k", 2, "in.tif", "-o", "out.tif"))
    with rasterio.open("out.tif") as file:  # which reads black as zero here, 255 - 9
        assert (file.read(1).tolist(), file.nodata) == ([[246]], 55)


# What is done, and what of the file is said not to be in the result.
LOST = [
    ("max -k 2 in.tif -o out.png", "place on the earth, nodata; .tif has a place for it"),
    ("max -k 2 in.tif -o out.npy", "place on the earth, nodata; .tif has a place for it"),
    ("max -k 2 in.tif -o out.npz", "place on the earth, nodata; .tif has a place for it"),
    ("max -k 2 in.tif -o out.tif --colormap magma", "nodata"),
    ("max -k 2 many.tif -o out.tif", "place on the earth, which differs from page to page"),
    ("max -k 2 palette.tif -o out.tif", "nodata 3 of a palette"),
    ("max -k 2 rpc.tif -o out.tif", "RPC coefficients"),
    ("max -k 2 turned.tif -o out.tif", "place on the earth"),
    ("max -k 2 bands.tif -o out.tif --grid 2", "place on the earth, nodata"),
]


@pytest.mark.parametrize(("words", "lost"), LOST, ids=[row[0] for row in LOST])
def test_what_cannot_go_on_is_named_in_one_line(poolcli: Run, words: str, lost: str) -> None:
    save()
    save("bands.tif", np.stack([VALUES] * 5))
    tie = [(33550, "d", 3, (1.0, 1, 0), False), (33922, "d", 6, (0.0,) * 6, False)]
    rpc = [(50844, "d", 92, (0.0,) * 92, False)]
    tifffile.imwrite("rpc.tif", VALUES, extratags=rpc, metadata=None)
    turned = [*tie, (274, "H", 1, 6, False)]
    tifffile.imwrite("turned.tif", VALUES, extratags=turned, metadata=None)
    palette = {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}
    nodata = [(42113, "s", 0, "3", False)]
    tifffile.imwrite("palette.tif", VALUES, extratags=nodata, metadata=None, **palette)
    with tifffile.TiffWriter("many.tif") as writer:
        for extra in (tie, None):
            writer.write(VALUES, extratags=extra, metadata=None, contiguous=False)
    name, output = words.split()[3], words.split()[5]
    said = done(poolcli(*words.split()))
    line = f"poolcli: hint: {name}: not in the result: {lost}\n"
    assert line in said.err
    assert said.err.count("hint") == 1
    asked = [*words.split(), "--overwrite"]
    assert json.loads(done(poolcli(*asked, "--json")).text)["warnings"] == [
        line[len(f"poolcli: hint: {name}: ") : -1]
    ]
    assert "hint" not in poolcli(*asked, "-q").err
    assert Path(output).exists()


@pytest.mark.parametrize("option", [["--linear"], ["--by", "luma"]])
def test_whole_pixels_and_light_have_no_missing_values(poolcli: Run, option: list[str]) -> None:
    save(values=np.stack([VALUES] * 3))
    op = "avg" if option == ["--linear"] else "max"
    refused = poolcli(op, "-k", 2, "in.tif", "-o", "out.tif", *option)
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert refused.err.startswith("poolcli: in.tif: 255 in it means missing")


@pytest.mark.parametrize(
    "tags",
    [
        [(33550, "d", 2, (1.0, 2.0), False)],
        [(33922, "d", 5, (1.0,) * 5, False), (33550, "d", 3, (1.0, 2.0, 0.0), False)],
        [(34264, "d", 3, (1.0,) * 3, False), (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), False)],
        [(34735, "H", 3, (1, 1, 0), False)],
        [(33922, "d", 6, (float("nan"),) * 6, False)],
        [(34735, "s", 0, "text", False)],
    ],
    ids=range(6),
)
def test_damaged_tags_cost_only_themselves(poolcli: Run, tags: list[Any]) -> None:
    tifffile.imwrite("in.tif", VALUES, extratags=tags, metadata=None)
    said = done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif"))
    assert "Traceback" not in said.err
    np.testing.assert_array_equal(tifffile.imread("out.tif"), pool(VALUES, "max", 2))


def test_a_stream_and_notes_of_other_kinds(poolcli: Run) -> None:
    """EXIF is written into the same directory of the first page."""
    save()
    from PIL import Image

    with tifffile.TiffFile("in.tif") as tiff:
        tags = [
            (tag.code, tag.dtype, tag.count, tag.value, False)
            for tag in tiff.pages[0].tags
            if tag.code > 33000
        ]
    more = [(271, "s", 0, "maker", True), *tags]
    tifffile.imwrite("noted.tif", VALUES, extratags=more, metadata=None, byteorder=">")
    done(poolcli("max", "-k", 2, "noted.tif", "-o", "out.tif"))
    assert (facts()["crs"], facts()["res"], facts()["nodata"]) == ("EPSG:32633", (20, 10), 255)
    with Image.open("out.tif") as image:
        assert image.getexif()[271] == "maker"
    piped = done(
        poolcli("max", "-k", 2, "-", "-o", "-", "-f", "tif", stdin=Path("in.tif").read_bytes())
    )
    Path("piped.tif").write_bytes(piped.out)
    assert facts("piped.tif")["res"] == (20, 10)
