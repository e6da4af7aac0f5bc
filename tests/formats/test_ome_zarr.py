"""Overviews as OME-Zarr: valid by what others say of the standard, opened by them, and exact."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05 import Image

import poolcli as library
from tests.formats.test_zarr_output import files
from tests.helpers.every import every
from tests.helpers.program import Outcome, start

Run = Callable[..., Outcome]
LABELS = np.random.default_rng(3).integers(0, 4, (75, 90), "u1")
VOLUME = np.random.default_rng(4).integers(0, 4, (13, 40, 42), "u2")


def multiscale(path: str) -> dict[str, Any]:
    """What is said of the levels, which the standard's own models find valid."""
    Image.from_zarr(zarr.open_group(path, mode="r"))
    said: dict[str, Any] = json.loads((Path(path) / "zarr.json").read_text())["attributes"]["ome"]
    assert said["version"] == "0.5"
    (scales,) = said["multiscales"]
    return dict(scales)


def levels(path: str) -> list[np.ndarray[Any, Any]]:
    """The levels, as ome-zarr-py reads them."""
    location = parse_url(path)
    assert location is not None
    (node, *_) = Reader(location)()
    return [np.asarray(level) for level in node.data]


def moves(scales: dict[str, Any]) -> list[tuple[list[float], list[float]]]:
    """Scale and translation of every level."""
    found = []
    for one in scales["datasets"]:
        said = {move["type"]: move[move["type"]] for move in one["coordinateTransformations"]}
        found.append((said["scale"], said.get("translation", [0.0] * len(said["scale"]))))
    return found


def test_labels_and_their_modes(poolcli: Run) -> None:
    np.save("labels.npy", LABELS)
    outcome = poolcli("overviews", "mode", "--levels", 3, "labels.npy", "-o", "labels.ome.zarr")
    assert outcome.code == 0, outcome.err
    assert "mode overviews 2x2, 4x4, 8x8  (written to labels.ome.zarr)" in outcome.err
    found = levels("labels.ome.zarr")
    for a, b in zip(found, [LABELS, *library.overviews(LABELS, "mode", 2, 3)], strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    scales = multiscale("labels.ome.zarr")
    assert scales["axes"] == [{"name": name, "type": "space"} for name in "yx"]
    assert (scales["name"], scales["type"]) == ("labels", "mode")
    assert scales["metadata"]["method"] == "poolcli overviews mode"
    assert moves(scales) == [([n, n], [(n - 1) / 2] * 2) for n in (1, 2, 4, 8)]


def test_factors_by_axis_and_what_is_said_of_the_op(poolcli: Run) -> None:
    np.save("in.npy", VOLUME)
    run = ("overviews", "quantile", "--q", 0.9, "--nodata", 0, "-k", "1x2x2", "--levels", 2)
    assert poolcli(*run, "-l", "DHW", "in.npy", "-o", "out.zarr").code == 0
    expected = library.overviews(VOLUME, "quantile", (1, 2, 2), 2, layout="DHW", q=0.9, nodata=0)
    for a, b in zip(levels("out.zarr")[1:], expected, strict=True):
        np.testing.assert_array_equal(a, b)
    scales = multiscale("out.zarr")
    assert moves(scales)[2] == ([1, 4, 4], [0, 1.5, 1.5])
    assert scales["metadata"]["kwargs"] == {
        "nan": "propagate",
        "nodata": 0.0,
        "q": 0.9,
        "method": "linear",
    }
    arrays = zarr.open_group("out.zarr", mode="r")
    assert arrays["2"].attrs["_FillValue"] == 0


def test_sizes_and_units_go_on(poolcli: Run) -> None:
    tifffile.imwrite(
        "in.tif",
        VOLUME,
        ome=True,
        metadata={"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0},
    )
    assert poolcli("overviews", "max", "--levels", 1, "in.tif", "-o", "a.ome.zarr").code == 0
    first = multiscale("a.ome.zarr")
    assert [axis.get("unit") for axis in first["axes"]] == ["micrometer"] * 3
    assert moves(first) == [([2, 0.5, 0.5], [0, 0, 0]), ([4, 1, 1], [1, 0.25, 0.25])]
    # What is said of all levels comes after what is said of each.
    node = Path("a.ome.zarr/zarr.json")
    said = json.loads(node.read_text())
    said["attributes"]["ome"]["multiscales"][0]["coordinateTransformations"] = [
        {"type": "scale", "scale": [1, 10, 10]},
        {"type": "translation", "translation": [0, 7, 0]},
    ]
    node.write_text(json.dumps(said))
    assert poolcli("overviews", "max", "--levels", 1, "a.ome.zarr", "-o", "b.ome.zarr").code == 0
    second = multiscale("b.ome.zarr")
    assert second["axes"] == first["axes"]
    assert moves(second) == [([2, 5, 5], [0, 7, 0]), ([4, 10, 10], [1, 9.5, 2.5])]


def test_places_that_mean_nothing_are_passed_over(poolcli: Run) -> None:
    np.save("in.npy", LABELS)
    assert poolcli("overviews", "max", "--levels", 1, "in.npy", "-o", "in.ome.zarr").code == 0
    node = Path("in.ome.zarr/zarr.json")
    plain = json.loads(node.read_text())

    def check(said: object) -> None:
        (scales,) = plain["attributes"]["ome"]["multiscales"]
        scales["datasets"][0]["coordinateTransformations"] = said
        node.write_text(json.dumps(plain))
        run = ("overviews", "max", "--levels", 1, "in.ome.zarr", "-o", "out.zarr", "--overwrite")
        assert poolcli(*run).code == 0
        assert moves(multiscale("out.zarr")) == [([1, 1], [0, 0]), ([2, 2], [0.5, 0.5])]

    every(
        (
            *(None, 5, [], ["scale"], [{}], [{"type": "scale"}], [{"type": ["scale"]}]),
            [{"type": "scale", "scale": [1]}],
            [{"type": "scale", "scale": [0, 1]}],
            [{"type": "scale", "scale": [-1, 1]}],
            [{"type": "scale", "scale": ["a", "b"]}],
            [{"type": "scale", "scale": [1e999, 1]}],
            [{"type": "scale", "path": "elsewhere"}],
        ),
        check,
    )


@pytest.mark.parametrize(
    ("layout", "shape", "names"),
    [
        ("HWC", (33, 40, 3), "cyx"),
        ("NHWC", (2, 33, 40, 3), "tcyx"),
        ("NDHWC", (2, 5, 17, 20, 3), "tczyx"),
        ("CHW", (3, 33, 40), "cyx"),
    ],
)
def test_axes_stand_in_the_order_of_the_standard(
    poolcli: Run, layout: str, shape: tuple[int, ...], names: str
) -> None:
    x = np.random.default_rng(5).integers(0, 200, shape, "u1")
    np.save("in.npy", x)
    run = ("overviews", "median", "--levels", 2, "-l", layout, "in.npy", "-o", "out.zarr")
    assert poolcli(*run).code == 0
    assert "".join(axis["name"] for axis in multiscale("out.zarr")["axes"]) == names
    order = [layout.index({"t": "N", "c": "C", "z": "D", "y": "H", "x": "W"}[n]) for n in names]
    expected = [x, *library.overviews(x, "median", 2, 2, layout=layout)]
    for a, b in zip(levels("out.zarr"), expected, strict=True):
        np.testing.assert_array_equal(a, b.transpose(order))


def test_chunks_and_shards_are_those_of_the_input(poolcli: Run) -> None:
    names = ("z", "y", "x")
    array = zarr.create_array(
        "in.zarr",
        shape=VOLUME.shape,
        dtype="u2",
        chunks=(4, 8, 8),
        shards=(8, 16, 16),
        dimension_names=names,
    )
    array[...] = VOLUME
    for threads in (1, 2):
        run = ("overviews", "mode", "--levels", 2, "in.zarr", "--threads", threads)
        assert poolcli(*run, "-o", f"{threads}.zarr").code == 0
    assert files("1.zarr").keys() == files("2.zarr").keys()
    group = zarr.open_group("1.zarr", mode="r")
    for number, level in enumerate(
        [VOLUME, *library.overviews(VOLUME, "mode", 2, 2, layout="DHW")]
    ):
        stored = group[str(number)]
        assert isinstance(stored, zarr.Array)
        assert stored.metadata.dimension_names == names  # type: ignore[union-attr]
        np.testing.assert_array_equal(stored[...], level)
        assert stored.shards is not None
    assert group["0"].chunks == (4, 8, 8)  # type: ignore[union-attr]
    for name in files("1.zarr"):
        if name != "zarr.json":  # which names the store
            assert files("1.zarr")[name] == files("2.zarr")[name]


def test_a_damaged_chunk_leaves_nothing(poolcli: Run) -> None:
    zarr.create_array("in.zarr", data=LABELS, chunks=(16, 16))
    Path("in.zarr/c/1/2").write_bytes(b"none of this is packed")
    outcome = poolcli("overviews", "mode", "in.zarr", "-o", "out.ome.zarr")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: in.zarr: its chunk c/1/2 is damaged")
    assert os.listdir() == ["in.zarr"]


def test_killed_and_resumed(poolcli: Run) -> None:
    x = np.random.default_rng(6).random((700, 700)).astype("f4")
    os.mkdir("in")
    for name in "ab":
        zarr.create_array(f"in/{name}.zarr", data=x, chunks=(64, 64))
    run = ("overviews", "median", "--levels", 4, "--threads", 1, "in", "-j", 1, "-o")
    with start(*run, "out/", "--resume") as program:
        deadline = time.monotonic() + 60
        while not list(Path().glob("out/.poolcli-*.tmp/0/c/*")) and time.monotonic() < deadline:
            time.sleep(0.002)
        program.kill()
    assert program.returncode == -9
    assert not set(os.listdir("out")) >= {"a.zarr", "b.zarr"}
    assert poolcli(*run, "out/", "--resume").code == 0
    assert sorted(os.listdir("out")) == [".poolcli", "a.zarr", "b.zarr"]
    expected = [x, *library.overviews(x, "median", 2, 4)]
    for name in "ab":
        for a, b in zip(levels(f"out/{name}.zarr"), expected, strict=True):
            np.testing.assert_array_equal(a, b)
    again = poolcli(*run, "out/", "--resume", "--json")
    assert [json.loads(line)["skipped"] for line in again.text.splitlines()] == [
        *(["out/a.zarr"], ["out/b.zarr"])
    ]


def test_within_memory(poolcli: Run) -> None:
    np.save("in.npy", np.zeros((4000, 4000), "u1"))
    run = ("overviews", "mode", "--levels", 3, "-l", "HW", "in.npy", "-o", "out.zarr")
    refused = poolcli(*run, "--max-memory", "1M", "--threads", 1)
    assert refused.code == 1
    assert refused.err == (
        "poolcli: in.npy: holding blocks of every level needs 24.0 MiB of memory, and 1.0 MiB are"
        " available; ask for fewer --levels or --threads\n"
    )
    assert os.listdir() == ["in.npy"]
    assert poolcli(*run, "--max-memory", "60M", "--threads", 1).code == 0


def test_what_has_no_place_is_refused(poolcli: Run) -> None:
    np.save("in.npy", LABELS)
    np.save("row.npy", LABELS[0])
    np.savez("two.npz", a=LABELS, b=LABELS)
    rows = (
        (("in.npy",), 2, "say -o FILE.ome.zarr, FILE.tif, or a folder"),
        (("in.npy", "-o", "-"), 2, "say -o FILE.ome.zarr, FILE.tif, or a folder"),
        (("in.npy", "-o", "x.npy"), 1, "overviews are written to files of .tif and .zarr, such as"),
        (("row.npy", "-l", "W", "-o", "x.zarr"), 1, "OME-Zarr holds 2 or 3 spatial axes"),
        (("two.npz", "-o", "x.zarr"), 1, "holds several arrays and x.zarr takes one"),
        (("in.npy", "-k", "2x", "-o", "x.zarr"), 2, "--size"),
        (("in.npy", "--levels", "0", "-o", "x.zarr"), 2, "--levels"),
    )
    before = sorted(os.listdir())
    for arguments, code, message in rows:
        outcome = poolcli("overviews", "max", *arguments)
        assert outcome.code == code, (arguments, outcome.err)
        assert message in outcome.err, arguments
        assert len(outcome.err.splitlines()) == 1
    assert sorted(os.listdir()) == before
    sums = poolcli("overviews", "sum", "--levels", 4, "in.npy", "-o", "x.zarr")
    assert (sums.code, sorted(os.listdir())) == (1, before)
    assert "does not fit uint8" in sums.err
    assert poolcli("overviews", "sum", "--dtype", "uint64", "in.npy", "-o", "x.zarr").code == 0
    assert [level.dtype for level in levels("x.zarr")] == ["u8", "u8"]
    assert poolcli("overviews", "sum", "--clip", "in.npy", "-o", "y.zarr").code == 0
