"""TIFF that is read and written a tile or a strip at a time gives what it gives as a whole."""

from __future__ import annotations

import itertools
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from poolcli import OPS, pool
from poolcli.formats import open_file, tiff, tiff_reader, tiff_writer
from poolcli.formats.description import NewArray
from poolcli.formats.settings import Packing, Reading
from poolcli.formats.sinks import box_sink
from poolcli.formats.table import BY_EXTENSION
from poolcli.geometry import Global, Sliding
from poolcli.request import Request
from tests.helpers.every import every
from tests.helpers.images import Run, done, noise
from tests.helpers.program import finished

ROW = BY_EXTENSION[".tif"]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be small enough to be read whole, and strips be short."""
    monkeypatch.setattr(tiff, "STREAMED", 0)
    monkeypatch.setattr(tiff_reader, "ROWS_BYTES", 500)
    monkeypatch.setattr(tiff_writer, "STRIP_BYTES", 300)


# How tifffile stores it, and of which shape and dtype.
STORED: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "tiles": ((70, 90, 3), "u1", {"tile": (32, 16)}),
    "tiles, grey": ((70, 90), "u2", {"tile": (16, 32), "byteorder": ">"}),
    "tiles, deflate, predictor": (
        (70, 90, 3),
        "u1",
        {"tile": (32, 32), "compression": "zlib", "predictor": 2},
    ),
    "tiles, lzw, 16 bits, big end first": (
        (50, 40),
        "u2",
        {"tile": (16, 16), "compression": "lzw", "predictor": 2, "byteorder": ">"},
    ),
    "tiles, zstd": ((50, 40), "i4", {"tile": (16, 16), "compression": "zstd"}),
    "tiles, floats, predictor": (
        (50, 40),
        "f4",
        {"tile": (16, 16), "compression": "zlib", "predictor": 3},
    ),
    "strips": ((61, 50, 3), "u1", {"rowsperstrip": 7}),
    "strips of one row": ((61, 50), "f8", {"rowsperstrip": 1, "byteorder": ">"}),
    "one strip": ((61, 50), "u2", {}),
    "strips, packbits": ((61, 50), "u1", {"rowsperstrip": 9, "compression": "packbits"}),
    "strips, lzma": (
        (61, 50, 4),
        "u1",
        {"rowsperstrip": 8, "compression": "lzma", "extrasamples": ["unspecified"]},
    ),
    "planes": ((3, 70, 90), "u1", {"planarconfig": "separate", "rowsperstrip": 16}),
    "planes of tiles": (
        (3, 70, 90),
        "u1",
        {"planarconfig": "separate", "tile": (16, 16), "compression": "zlib"},
    ),
    "pages": ((5, 33, 40), "u1", {"tile": (16, 16)}),
    "pages of strips": ((4, 30, 31, 3), "u2", {"rowsperstrip": 5, "compression": "zlib"}),
    "seven channels": ((40, 30, 7), "f4", {"tile": (16, 16), "planarconfig": "contig"}),
    "BigTIFF": ((70, 90, 3), "u1", {"tile": (32, 16), "bigtiff": True}),
    "bits": ((40, 50), "?", {"tile": (16, 16)}),
}


def save(stored: str, path: str = "in.tif") -> np.ndarray:
    """Write a file; give the array that it is read as."""
    shape, dtype, how = STORED[stored]
    if dtype == "?":
        x = noise(*shape) > 127
    elif dtype.startswith("f"):
        x = np.random.default_rng(1).normal(0, 9, shape).astype(dtype)
    else:
        x = noise(*shape, dtype=dtype) if dtype[0] == "u" else noise(*shape).astype(dtype)
    planar = how.get("planarconfig") == "separate"
    colours = planar or shape[-1] in (3, 4)
    tifffile.imwrite(path, x, photometric="rgb" if colours else "minisblack", metadata=None, **how)
    return np.moveaxis(x, 0, -1) if planar else x


def source_of(path: str = "in.tif", **settings: Any) -> Any:
    return next(open_file(path, Reading(**settings)).sources())


def facts(path: str) -> dict[str, Any]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return {
            "tiled": page.is_tiled,
            "compression": int(page.compression),
            "predictor": int(page.predictor),
            "planar": int(page.planarconfig),
            "pages": len(file.pages),
        }


def pixels(path: str = "out.tif") -> np.ndarray:
    """What tifffile reads, channels last."""
    with tifffile.TiffFile(path) as file:
        array = np.stack([page.asarray() for page in file.pages])
        if file.pages[0].axes == "SYX":
            array = np.moveaxis(array, -3, -1)
    return array[0] if len(array) == 1 else array


@pytest.mark.parametrize("stored", STORED)
def test_it_is_read_in_parts_as_it_is_whole(stored: str) -> None:
    x = save(stored)
    source = source_of()
    assert not source.is_read_whole
    assert source.array.tobytes() == x.tobytes()
    assert source.array.dtype == x.dtype
    box = [(n // 3, n - n // 5) for n in source.content.shape]
    cells = np.empty([high - low for low, high in box], x.dtype)
    source.content.read_box(tuple(box), cells)
    in_file = source.array.transpose(np.argsort(source.content.axes))
    assert cells.tobytes() == in_file[tuple(slice(*part) for part in box)].tobytes()


@pytest.mark.parametrize("stored", STORED)
def test_a_result_is_stored_as_its_input(stored: str, poolcli: Run) -> None:
    x = save(stored)
    done(poolcli("max", "-k", "2x3", "in.tif", "-o", "out.tif"))
    layout = source_of().layout
    expected = pool(x, "max", (2, 3), layout=layout)
    assert pixels().tobytes() == expected.tobytes()
    assert facts("out.tif") == facts("in.tif")


@pytest.mark.parametrize("stored", ["tiles", "strips", "planes of tiles", "pages"])
@pytest.mark.parametrize("op", sorted(OPS))
def test_every_op_streams_to_the_same_values(op: str, stored: str) -> None:
    x = save(stored)
    source = source_of()
    # A window overlaps with the next, and none are at the borders of tiles.
    for number, geometry in enumerate((Sliding(2), Sliding(5, 3, 1), Global())):
        if geometry == Sliding(5, 3, 1) and OPS[op].padding is not None:
            geometry = Sliding(5, 3)
        request = Request(op, geometry, threads=2, dtype="f4", fit="round")
        plan = request.plan(source.shape, source.dtype, source.layout)
        path = f"out{number}.tif"
        new = NewArray(
            path,
            ".tif",
            plan.output_shape,
            plan.keepdims_shape,
            plan.output_dtype,
            plan.output_layout,
            source.metadata,
            chunks=source.chunks,
        )
        with box_sink(new, ROW, path) as sink:
            plan.run_into(source.content, sink.content, block_bytes=2000)
        assert pixels(path).tobytes() == plan.run(x).tobytes(), geometry


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("compression", [None, "deflate", "none"])
def test_the_same_bytes_whoever_writes_them(compression: str, threads: int, poolcli: Run) -> None:
    save("tiles, deflate, predictor")
    options = () if compression is None else ("--compression", compression)
    done(poolcli("avg", "-k", 2, "in.tif", "-o", "out.tif", "--threads", threads, *options))
    done(poolcli("avg", "-k", 2, "in.tif", "-o", "again.tif", *options))
    assert Path("out.tif").read_bytes() == Path("again.tif").read_bytes()
    assert facts("out.tif")["compression"] == (1 if compression == "none" else 8)


def test_a_large_array_becomes_strips_that_can_be_read_by_themselves(poolcli: Run) -> None:
    x = noise(90, 64)
    np.save("x.npy", x)
    done(poolcli("max", "-k", 2, "x.npy", "-o", "out.tif"))
    assert pixels().tobytes() == pool(x, "max", 2).tobytes()
    with tifffile.TiffFile("out.tif") as file:
        assert len(file.pages[0].dataoffsets) == 5
    assert source_of("out.tif").chunks == (15, 32)


def test_other_programs_tiles_that_are_blank_are_read(poolcli: Run) -> None:
    x = np.zeros((32, 48), "u1")
    x[:16, :16] = noise(16, 16)
    parts = iter([x[:16, :16], None, None, None, None, None])
    tifffile.imwrite("in.tif", parts, shape=x.shape, dtype="u1", tile=(16, 16), metadata=None)
    assert source_of().array.tobytes() == x.tobytes()


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_white_is_zero(photometric: str, poolcli: Run) -> None:
    x = noise(40, 50)
    tifffile.imwrite("in.tif", x, photometric=photometric, tile=(16, 16), metadata=None)
    seen = x if photometric == "minisblack" else 255 - x
    assert source_of().array.tobytes() == seen.tobytes()
    done(poolcli("max", "-k", 2, "in.tif", "-o", "out.tif"))
    assert pixels().tobytes() == pool(seen, "max", 2).tobytes()


@pytest.mark.parametrize("seen", ["opaque", "some", "nothing"])
@pytest.mark.parametrize("stored", ["contig", "separate"])
@pytest.mark.parametrize("op", ["avg", "blur", "gem", "max"])
@pytest.mark.parametrize("linear", [False, True])
def test_colours_by_their_alpha_in_parts(
    op: str, stored: str, seen: str, linear: bool, poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    if linear and not OPS[op].averages:
        return
    x = noise(70, 90, 4)
    x[..., 3] = {"opaque": 255, "nothing": 0}.get(seen, x[..., 3] * (noise(70, 90) > 99))
    pages = x if stored == "contig" else np.moveaxis(x, -1, 0)
    how = {"planarconfig": stored, "tile": (16, 32), "extrasamples": ["unassalpha"]}
    tifffile.imwrite("in.tif", pages, photometric="rgb", metadata=None, **how)
    run = (op, "-k", 3, "-s", 2, "in.tif", *(("--linear",) if linear else ()), "-o")
    done(poolcli(*run, "parts.tif"))
    monkeypatch.setattr(tiff, "STREAMED", 1 << 30)
    done(poolcli(*run, "whole.tif"))
    assert pixels("parts.tif").tobytes() == pixels("whole.tif").tobytes()


def test_bits_become_grey_where_they_are_averaged(poolcli: Run) -> None:
    x = save("bits")
    done(poolcli("avg", "-k", 2, "in.tif", "-o", "out.tif"))
    grey = np.where(x, 255, 0).astype("u1")
    assert pixels().tobytes() == pool(grey, "avg", 2, dtype="u1", fit="round").tobytes()


def test_numbers_are_missing_in_parts_as_well(poolcli: Run) -> None:
    rasterio = pytest.importorskip("rasterio")
    x = noise(64, 80)
    x[x > 200] = 255
    transform = rasterio.Affine(10, 0, 500_000, 0, -10, 5_200_000)
    profile = {"driver": "GTiff", "count": 1, "height": 64, "width": 80, "dtype": "uint8"}
    profile |= {"crs": "EPSG:32633", "transform": transform, "nodata": 255}
    profile |= {"tiled": True, "blockxsize": 32, "blockysize": 16, "compress": "deflate"}
    with rasterio.open("in.tif", "w", **profile) as file:
        file.write(x[None])
    done(poolcli("mode", "-k", 2, "in.tif", "-o", "out.tif"))
    with rasterio.open("out.tif") as file:
        assert (file.crs, file.res, file.nodata) == ("EPSG:32633", (20, 20), 255)
        assert file.block_shapes == [(16, 32)]
        assert file.read(1).tobytes() == pool(x, "mode", 2, nodata=255).tobytes()


@pytest.mark.parametrize("streamed", [0, 1 << 24])
@pytest.mark.parametrize("interleave", ["band", "pixel"])
def test_nan_is_a_mask_in_lerc(
    interleave: str, streamed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.setattr(tiff, "STREAMED", streamed)

    def check(planes: tuple[int, str, bool, bool]) -> None:
        count, dtype, is_tiled, together = planes
        x = noise(count, 50, 40).astype(dtype)
        if dtype != "uint8":
            x[:, noise(50, 40) > 200] = np.nan
            x[x > (300 if together else 220)] = np.nan
        profile = {"driver": "GTiff", "count": count, "height": 50, "width": 40, "dtype": dtype}
        profile |= {"compress": "lerc", "interleave": interleave}
        profile |= {"transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_200_000)}
        profile |= {"tiled": True, "blockxsize": 32, "blockysize": 16} if is_tiled else {}
        with rasterio.open("in.tif", "w", **profile) as file:
            file.write(x)
        expected = np.moveaxis(x, 0, -1) if count > 1 else x[0]
        assert source_of().array.tobytes() == expected.tobytes()

    rows = itertools.product([1, 3], ["float32", "float64", "uint8"], [True, False], [True, False])
    every(rows, check)


def test_a_mask_of_whole_numbers_in_lerc_is_refused(poolcli: Run) -> None:
    x = noise(48, 40)
    tifffile.imwrite("in.tif", x, tile=(16, 16), compression="lerc", metadata=None)
    offset, count = tile_of("in.tif", 4)
    masked = imagecodecs.lerc_encode(x[16:32, 16:32], 0, masks=x[16:32, 16:32] > 250)
    assert len(masked) <= count
    with open("in.tif", "r+b") as file:
        file.seek(offset)
        file.write(masked)
    refused(poolcli, "its tile at row 16, column 16 cannot be decoded: it has masked pixels")


# What is broken.


def tile_of(path: str, number: int) -> tuple[int, int]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return page.dataoffsets[number], page.databytecounts[number]


def refused(poolcli: Run, message: str) -> None:
    outcome = poolcli("max", "-k", 2, "in.tif", "-o", "out.tif")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert message in outcome.err
    assert sorted(os.listdir()) == ["in.tif"]


def test_a_tile_that_does_not_decode_is_named(poolcli: Run) -> None:
    save("tiles, deflate, predictor")
    offset, count = tile_of("in.tif", 4)
    with open("in.tif", "r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * count)
    refused(poolcli, "in.tif: its tile at row 32, column 32 cannot be decoded")


def test_a_tile_that_holds_less_than_it_says_is_named(poolcli: Run) -> None:
    save("tiles, zstd")
    small = tifffile.TIFF.COMPRESSORS[50000](bytes(40))
    with tifffile.TiffFile("in.tif") as file:
        counts = file.pages[0].tags[325]
        codes = {3: "H", 4: "I"}
        place, code = counts.valueoffset, codes[int(counts.dtype)]
    offset, count = tile_of("in.tif", 1)
    assert count > len(small)
    with open("in.tif", "r+b") as file:
        file.seek(offset)
        file.write(small)
        file.seek(place + struct.calcsize(code))
        file.write(struct.pack("<" + code, len(small)))
    refused(poolcli, "in.tif: its tile at row 0, column 16 cannot be decoded")


def test_a_page_that_ends_early_is_named(poolcli: Run) -> None:
    save("pages of strips")
    with tifffile.TiffFile("in.tif") as file:
        page = file.pages[2]
        offset, count = page.dataoffsets[3], page.databytecounts[3]
    with open("in.tif", "r+b") as file:
        file.seek(offset)
        file.write(bytes(count))
    refused(poolcli, "in.tif: its strip at row 15, column 0 of page 3 cannot be decoded")


def test_a_file_that_is_cut_off_is_refused(poolcli: Run) -> None:
    save("tiles")
    offset, count = tile_of("in.tif", 17)
    os.truncate("in.tif", offset + count // 2)
    refused(poolcli, "truncated")


def test_tiles_that_do_not_fit_into_memory_are_refused(poolcli: Run) -> None:
    x = np.zeros((16, 1 << 16), "u1")
    tifffile.imwrite("in.tif", x, tile=(16, 1 << 16), compression="zlib", metadata=None)
    with tifffile.TiffFile("in.tif", mode="r+b") as file:
        for name in ("ImageLength", "TileLength"):
            file.pages[0].tags[name].overwrite(1 << 20, dtype=4)
    for options, message in (((), "bomb"), (("--max-pixels", 10**12), "of memory")):
        outcome = poolcli("max", "-k", 2, "in.tif", "-o", "out.tif", *options)
        assert (outcome.code, outcome.err.count("\n")) == (1, 1)
        assert message in outcome.err
    assert sorted(os.listdir()) == ["in.tif"]


def test_as_many_pixels_as_there_are_in_a_large_file_are_read(poolcli: Run) -> None:
    # 206 million, which are more than the default of --max-pixels, and hardly packed.
    tile = noise(512, 512)
    packed = tifffile.TIFF.COMPRESSORS[8](tile)
    side, count = 14_336, 28 * 28
    tifffile.imwrite(
        "in.tif",
        iter([packed] * count),
        shape=(side, side),
        dtype="u1",
        tile=(512, 512),
        compression="zlib",
        metadata=None,
    )
    planned = poolcli("max", "-k", 512, "in.tif", "--dry-run", "--max-memory", "300MB")
    assert (planned.code, planned.err) == (0, "")
    few = poolcli("max", "-k", 512, "in.tif", "--dry-run", "--max-pixels", 1000)
    assert "--max-pixels 205520896 reads it" in few.err


KILLED = """
import os, runpy, signal, sys
from poolcli.formats.tiff_writer import TiffOutput
complete, done = TiffOutput.complete, []
def or_die(self):
    complete(self)
    done.append(self)
    if len(done) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
TiffOutput.complete = or_die
runpy.run_module("poolcli", run_name="__main__")
"""


def test_a_run_that_is_killed_is_taken_up_again(tmp_path: Path) -> None:
    x = noise(600, 600)
    Path("in").mkdir()
    for number in range(3):
        tifffile.imwrite(f"in/{number}.tif", x, tile=(64, 64), compression="zlib", metadata=None)
    run = ("max", "-k", "2", "in", "-o", "out/", "--resume", "--jobs", "1")
    killed = subprocess.run([sys.executable, "-c", KILLED, *run], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = {path.name for path in Path("out").glob("*")}
    # The second was complete but had no name yet.
    assert {"0.tif"} <= left
    assert not {"1.tif", "2.tif"} & left
    assert finished(*run).code == 0
    names = sorted(path.name for path in Path("out").glob("*"))
    assert names == [".poolcli", "0.tif", "1.tif", "2.tif"]
    for number in range(3):
        assert pixels(f"out/{number}.tif").tobytes() == pool(x, "max", 2).tobytes()


def test_packing_that_means_nothing_is_refused() -> None:
    new = NewArray(
        "out.tif", ".tif", (4, 4), (4, 4), np.dtype("u1"), "HW", None, Packing(quality=3)
    )
    with pytest.raises(Exception, match="TIFF loses nothing"), box_sink(new, ROW, "out.tif"):
        pass
    assert os.listdir() == []
