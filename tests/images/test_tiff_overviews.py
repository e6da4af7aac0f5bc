"""Overviews in TIFF: as GDAL and tifffile read them, in the order of cloud-optimised GeoTIFF."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import rasterio
import tifffile
import zarr
from PIL import Image
from rasterio.transform import Affine

import poolcli as library
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
RANDOM = np.random.default_rng(7)
PLANE = RANDOM.integers(0, 5, (300, 421), "u1")
COLOURS = RANDOM.integers(0, 256, (301, 420, 3), "u1")


def gdal(path: str) -> list[np.ndarray[Any, Any]]:
    """The picture and its overviews as GDAL reads them, bands last."""
    with rasterio.open(path) as file:
        found, count = [file.read()], len(file.overviews(1))
    for level in range(count):
        with rasterio.open(path, overview_level=level) as file:
            found.append(file.read())
    return [level.transpose(1, 2, 0) for level in found]


def is_cloud_optimised(path: str) -> bool:
    """Whether directories come first, the largest picture's before, and its pixels last."""
    with tifffile.TiffFile(path) as tiff:
        pages: Any = tiff.pages
        directories = [page.offset for page in pages]
        pixels = [(min(page.dataoffsets), max(page.dataoffsets)) for page in pages]
        tiled = all(page.is_tiled for page in pages)
        shapes = [page.imagelength for page in pages]
    in_order = all(b[1] < a[0] for a, b in itertools.pairwise(pixels))
    first = max(directories) < min(low for low, _ in pixels)
    return (
        tiled
        and in_order
        and first
        and directories == sorted(directories)
        and (shapes == sorted(shapes, reverse=True))
    )


def georeferenced(path: str, **options: Any) -> None:
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=PLANE.shape[0],
        width=PLANE.shape[1],
        count=1,
        dtype="uint8",
        crs="EPSG:32633",
        transform=Affine(10, 0, 500000, 0, -10, 5200000),
        nodata=0,
        **options,
    ) as file:
        file.write(PLANE, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"tiled": True, "blockxsize": 128, "blockysize": 64, "compress": "deflate", "predictor": 2},
        {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "lzw"},
        {"tiled": True, "blockxsize": 128, "blockysize": 128, "BIGTIFF": "YES"},
        {"ENDIANNESS": "BIG"},
        {},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_reads_every_level(poolcli: Run, options: dict[str, Any]) -> None:
    georeferenced("in.tif", **options)
    outcome = poolcli("overviews", "mode", "--levels", 3, "in.tif", "-o", "out.tif")
    assert outcome.code == 0, outcome.err
    assert "nodata 0" in outcome.err
    expected = [PLANE, *library.overviews(PLANE, "mode", 2, 3, nodata=0)]
    for a, b in zip(gdal("out.tif"), expected, strict=True):
        np.testing.assert_array_equal(a[..., 0], b)
    assert is_cloud_optimised("out.tif")
    with rasterio.open("in.tif") as a, rasterio.open("out.tif") as b:
        assert b.overviews(1) == [2, 4, 8]
        assert (b.crs, b.transform, b.nodata) == (a.crs, a.transform, a.nodata)
        assert b.profile.get("compress") == a.profile.get("compress")
        assert b.block_shapes == (a.block_shapes if "tiled" in options else [(304, 432)])
    with rasterio.open("out.tif", overview_level=1) as overview:
        assert overview.tags(1)["RESAMPLING"] == "MODE"
        assert overview.nodata == 0


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_colours_rounded(poolcli: Run) -> None:
    for name, options in (("tiles", {"tile": (64, 64), "compression": "zlib"}), ("strips", {})):
        tifffile.imwrite(f"{name}.tif", COLOURS, photometric="rgb", metadata=None, **options)
        run = ("overviews", "avg", "-k", "2x3", "--levels", 2, f"{name}.tif", "-o", "o/")
        assert poolcli(*run).code == 0
        expected = [COLOURS, *library.overviews(COLOURS, "avg", (2, 3), 2)]
        for a, b in zip(gdal(f"o/{name}.tif"), expected, strict=True):
            np.testing.assert_array_equal(a, b)
        assert is_cloud_optimised(f"o/{name}.tif")
    with tifffile.TiffFile("o/tiles.tif") as tiff:
        assert [page.subfiletype for page in tiff.pages] == [0, 1, 1]  # type: ignore[union-attr]
        assert {page.photometric for page in tiff.pages} == {2}  # type: ignore[union-attr]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_pictures_and_arrays_become_tiff(poolcli: Run) -> None:
    Image.fromarray(COLOURS).save("in.png")
    np.save("in.npy", PLANE.astype("f4"))
    for source, x in (("in.png", COLOURS), ("in.npy", PLANE.astype("f4")[..., np.newaxis])):
        run = ("overviews", "max", "--levels", 1, source, "-o", "out.tif", "--overwrite")
        assert poolcli(*run).code == 0
        full, level = gdal("out.tif")
        np.testing.assert_array_equal(full, x)
        np.testing.assert_array_equal(level, library.overviews(x, "max", 2, 1, layout="HWC")[0])


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_levels_of_one_tile(poolcli: Run) -> None:
    for shape in ((16, 32), (512, 512), (20, 30), (1, 64)):
        x = RANDOM.integers(0, 9, shape, "u2")
        np.save("in.npy", x)
        run = ("overviews", "min", "--levels", 2, "-l", "HW", "in.npy", "-o", "out.tif")
        assert poolcli(*run, "--overwrite").code == 0
        for a, b in zip(gdal("out.tif"), [x, *library.overviews(x, "min", 2, 2)], strict=True):
            np.testing.assert_array_equal(a[..., 0], b)
        assert is_cloud_optimised("out.tif")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_from_tiles_to_tiles(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch, planes: Literal["contig", "separate"]
) -> None:
    """Tile by tile, as large pictures go, in blocks that are cut elsewhere than tiles are."""
    monkeypatch.setattr("poolcli.formats.tiff.STREAMED", 0)
    monkeypatch.setattr("poolcli.engine.levels.BLOCK_BYTES", 1 << 12)
    x = COLOURS if planes == "contig" else COLOURS.transpose(2, 0, 1)
    tifffile.imwrite("in.tif", x, photometric="rgb", planarconfig=planes, tile=(48, 32))
    for op in ("median", "max"):
        run = ("overviews", op, "-k", 3, "--levels", 3, "in.tif", "-o", f"{op}.tif")
        assert poolcli(*run, "--threads", 2).code == 0
        expected = [COLOURS, *library.overviews(COLOURS, op, 3, 3)]
        for a, b in zip(gdal(f"{op}.tif"), expected, strict=True):
            np.testing.assert_array_equal(a, b)
        run = ("overviews", op, "-k", 3, "--levels", 3, "in.tif", "-o", f"{op}.zarr")
        assert poolcli(*run).code == 0
        group = zarr.open_group(f"{op}.zarr", mode="r")
        for number, level in enumerate(expected):
            np.testing.assert_array_equal(group[str(number)][...].transpose(1, 2, 0), level)  # type: ignore[index,union-attr]


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_alpha_is_a_channel_and_a_note_says_so(poolcli: Run) -> None:
    x = RANDOM.integers(0, 256, (40, 50, 4), "u1")
    Image.fromarray(x).save("in.png")
    outcome = poolcli("overviews", "avg", "--levels", 1, "in.png", "-o", "out.tif")
    assert outcome.code == 0
    assert "in.png: alpha is pooled like the other channels" in outcome.err
    for a, b in zip(gdal("out.tif"), [x, *library.overviews(x, "avg", 2, 1)], strict=True):
        np.testing.assert_array_equal(a, b)
    with rasterio.open("out.tif") as file:
        assert file.colorinterp[3].name == "alpha"


def test_pages_have_their_own(poolcli: Run) -> None:
    stack = RANDOM.integers(0, 60_000, (4, 2, 70, 90), "u2")
    tifffile.imwrite("in.tif", stack, ome=True, metadata={"axes": "ZCYX", "PhysicalSizeX": 0.5})
    run = ("overviews", "median", "--levels", 2, "in.tif", "-o", "out.tif")
    refused = poolcli(*run)
    assert (refused.code, os.listdir()) == (1, ["in.tif"])
    assert "depth cannot be pooled: say --size 1x2x2" in refused.err
    assert poolcli(*run, "-k", "1x2x2").code == 0
    x = stack.transpose(1, 0, 2, 3)
    expected = [x, *library.overviews(x, "median", (1, 2, 2), 2, layout="CDHW")]
    with tifffile.TiffFile("out.tif") as tiff:
        (series,) = tiff.series
        assert (series.axes, len(series.levels)) == ("CZYX", 3)
        for level, b in zip(series.levels, expected, strict=True):
            np.testing.assert_array_equal(level.asarray(), b)
        assert tiff.ome_metadata is not None
        assert 'PhysicalSizeX="0.5"' in tiff.ome_metadata


def test_the_full_resolution_is_pooled_again_and_no_overview(poolcli: Run) -> None:
    tifffile.imwrite("in.tif", PLANE, metadata=None)
    assert poolcli("overviews", "mode", "in.tif", "-o", "a.tif", "--levels", 3).code == 0
    assert poolcli("overviews", "mode", "a.tif", "-o", "b.tif", "--levels", 3).code == 0
    assert Path("a.tif").read_bytes() == Path("b.tif").read_bytes()
    assert poolcli("max", "-k", 2, "a.tif", "-o", "half.tif").code == 0
    np.testing.assert_array_equal(tifffile.imread("half.tif"), library.pool(PLANE, "max", 2))


def test_threads_change_no_byte(poolcli: Run) -> None:
    tifffile.imwrite("in.tif", PLANE, tile=(32, 32), compression="zlib", metadata=None)
    for threads in (1, 2):
        run = ("overviews", "mode", "in.tif", "-o", f"{threads}.tif", "--levels", 2)
        assert poolcli(*run, "--threads", threads).code == 0
    assert Path("1.tif").read_bytes() == Path("2.tif").read_bytes()
