"""Results as Zarr stores: alike their input, chunk by chunk, whole or not there at all."""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from zarr.codecs import BloscCodec, BytesCodec, GzipCodec

import poolcli as library
from poolcli.errors import OutputError
from poolcli.formats.description import NewArray
from poolcli.formats.sinks import write_archive
from poolcli.formats.table import ZARR
from poolcli.formats.zarr_output import ZarrOutput
from poolcli.ops import OPS
from tests.formats.test_hdf5 import dimensions
from tests.formats.test_zarr import PLANE, RANDOM, store
from tests.helpers.program import Outcome, start

Run = Callable[..., Outcome]
MAPS = RANDOM.random((2, 29, 26)).astype("f4")
WIDE = ("-k", 3, "-s", 2, "-p", 1, "-l", "CHW")


def opened(path: str) -> zarr.Array:
    array = zarr.open(path, mode="r")
    assert isinstance(array, zarr.Array)
    return array


def files(path: str) -> dict[str, bytes]:
    """All that is in a store, by the names in it."""
    found = sorted(Path(path).rglob("*"))
    return {str(p.relative_to(path)): p.read_bytes() for p in found if p.is_file()}


@pytest.mark.parametrize("op", OPS)
def test_from_chunks_to_chunks_is_as_in_memory(poolcli: Run, op: str) -> None:
    store("in.zarr", MAPS, (1, 5, 6), shards=(1, 10, 12))
    outcome = poolcli(op, *WIDE, "in.zarr", "-o", "out.zarr", "--threads", 2)
    assert outcome.code == 0, outcome.err
    expected = library.pool(MAPS, op, 3, stride=2, padding=1, layout="CHW")
    found = opened("out.zarr")
    assert (found.dtype, found.chunks, found.shards) == (expected.dtype, (1, 5, 6), (1, 10, 12))
    assert np.asarray(found[...]).tobytes() == expected.tobytes()


@pytest.mark.parametrize("shards", [None, (10, 12)])
def test_a_single_number(poolcli: Run, shards: tuple[int, ...] | None) -> None:
    store("in.zarr", MAPS[0], (5, 6), shards=shards)
    assert poolcli("global", "max", "in.zarr", "-o", "out.zarr").code == 0
    found = opened("out.zarr")
    assert (found.shape, found[()]) == ((), MAPS[0].max())


@pytest.mark.parametrize(
    ("version", "how"),
    [
        (2, {"order": "F", "fill_value": 5}),
        (2, {"chunk_key_encoding": {"name": "v2", "separator": "/"}, "compressors": None}),
        (3, {"compressors": [GzipCodec(level=3)], "fill_value": -1}),
        (3, {"compressors": [BloscCodec(cname="zstd", clevel=7, shuffle="shuffle")]}),
        (3, {"serializer": BytesCodec(endian="big"), "shards": (32, 64)}),
    ],
)
@pytest.mark.parametrize("op", ["max", "avg"])
def test_it_is_stored_alike(poolcli: Run, version: int, how: dict[str, Any], op: str) -> None:
    array = RANDOM.integers(0, 99, (70, 90)).astype("u2" if "fill_value" not in how else "i2")
    own = store("in.zarr", array, (16, 32), version, **how)
    own.attrs["units"] = "K"
    assert poolcli(op, "-k", 2, "in.zarr", "-o", "out.zarr").code == 0
    found = opened("out.zarr")
    np.testing.assert_array_equal(found[...], library.pool(array, op, 2))
    assert (found.chunks, found.shards) == (own.chunks, own.shards)
    assert found.metadata.zarr_format == version
    assert found.fill_value == own.fill_value
    assert found.attrs.asdict() == {"units": "K"}
    assert len(found.compressors) == len(own.compressors)
    for mine, theirs in zip(found.compressors, own.compressors, strict=True):
        assert type(mine) is type(theirs)
        for name in ("level", "clevel", "cname"):
            assert getattr(mine, name, None) == getattr(theirs, name, None)
    if version == 2:
        assert found.order == own.order
        assert found.metadata.dimension_separator == own.metadata.dimension_separator
    elif op == "max":
        assert found.serializer == own.serializer


def test_names_of_axes_go_on_and_xarray_reads_it(poolcli: Run) -> None:
    import xarray

    values = RANDOM.normal(size=(3, 8, 16)).astype("f4")
    values[0, :2, :2] = values[1, 4, 4] = np.nan
    where = {"lat": np.linspace(-70, 70, 8), "lon": np.arange(16) * 22.5, "time": [3, 1, 2]}
    data = xarray.DataArray(values, where, ("time", "lat", "lon"), attrs={"units": "K"})
    middles = data.coarsen(lat=2, lon=2).mean()
    for version in (2, 3):
        data.to_dataset(name="t2m").to_zarr(f"{version}.zarr", zarr_format=version)
        assert poolcli("avg", "-k", 2, f"{version}.zarr", "-o", f"out{version}.zarr").code == 0
        with xarray.open_zarr(f"out{version}.zarr", consolidated=version == 2) as found:
            assert found.t2m.dims == ("time", "lat", "lon")
            assert found.t2m.attrs["units"] == "K"
            result = found.t2m.values
        nan = "skip" if version == 3 else "propagate"  # only of 3 does it say what NaN means
        expected = library.pool(values, "avg", 2, layout="NHW", nan=nan)
        np.testing.assert_array_equal(result, expected)
        for axis in where:
            np.testing.assert_allclose(found[axis], middles[axis])


def test_where_cells_lie_in_netcdf(poolcli: Run) -> None:
    with h5py.File("in.nc", "w") as file:
        data = file.create_dataset("t", data=RANDOM.random((7, 9)))
        dimensions(file, data, ("lat", "lon"))
        file["lat"].attrs["units"] = "degrees_north"
    run = ("max", "-k", 3, "-s", 2, "-p", 1, "in.nc", "-o", "out.zarr")
    assert poolcli(*run).code == 0
    found = zarr.open_group("out.zarr", mode="r")
    assert sorted(found) == ["lat", "lon", "t"]
    np.testing.assert_array_equal(found["lat"][...], [0, 2, 4, 6])
    np.testing.assert_array_equal(found["lon"][...], [0, 2, 4, 6, 8])
    assert found["lat"].attrs.asdict() == {"units": "degrees_north"}
    assert found["lat"].metadata.dimension_names == ("lat",)
    assert found["t"].metadata.dimension_names == ("lat", "lon")
    assert poolcli("global", "max", "in.nc", "-o", "one.zarr").code == 0
    assert sorted(zarr.open_group("one.zarr", mode="r")) == ["t"]


def test_a_group_keeps_the_names_and_what_is_said_of_it(poolcli: Run) -> None:
    group = zarr.create_group("in.zarr", attributes={"title": "a test"})
    for name in ("a/x", "a/b/y", "z"):
        group.create_array(name, data=PLANE, chunks=(16, 16))
    group.create_array("a/bias", data=np.arange(3.0))
    assert poolcli("max", "-k", 2, "in.zarr", "-o", "out.zarr").code == 0
    found = zarr.open_group("out.zarr", mode="r")
    assert found.attrs.asdict() == {"title": "a test"}
    for name in ("a/x", "a/b/y", "z"):
        np.testing.assert_array_equal(found[name][...], library.pool(PLANE, "max", 2))
    np.testing.assert_array_equal(found["a/bias"][...], np.arange(3.0))
    assert poolcli("max", "-k", 2, "in.zarr:a/x", "-o", "one.zarr").code == 0
    assert list(zarr.open_group("one.zarr", mode="r")["a"]) == ["x"]


def test_an_array_that_fails_is_left_out(poolcli: Run) -> None:
    group = zarr.create_group("in.zarr")
    for name in ("x", "y"):
        group.create_array(name, data=np.where(PLANE > 2, np.nan if name == "x" else 0, PLANE))
    outcome = poolcli("max", "-k", 2, "--nan", "error", "in.zarr", "-o", "out.zarr")
    assert outcome.code == 1
    assert "in.zarr:x: NaN at height" in outcome.err
    assert list(zarr.open_group("out.zarr", mode="r")) == ["y"]
    outcome = poolcli("max", "-k", 2, "--nan", "error", "in.zarr:x", "-o", "none.zarr")
    assert outcome.code == 1
    assert sorted(os.listdir()) == ["in.zarr", "out.zarr"]


@pytest.mark.parametrize(
    ("command", "shape"),
    [
        (("max", "-k", 2, "in.npy"), (2, 14, 13)),
        (("global", "avg", "in.npy"), (2,)),
        (("global", "avg", "--keepdims", "in.npy"), (2, 1, 1)),
        (("chain", "max 2 | avg 2", "in.npy"), (2, 7, 6)),
        (("adaptive", "max", "--output-size", 5, "in.npy"), (2, 5, 5)),
    ],
)
@pytest.mark.parametrize("kind", ["npy", "zarr"])
def test_from_every_road(
    poolcli: Run, command: tuple[Any, ...], shape: tuple[int, ...], kind: str
) -> None:
    np.save("in.npy", MAPS)
    store("in.zarr", MAPS, (1, 16, 16), dimension_names=("c", "y", "x"))
    command = (*command[:-1], f"in.{kind}", "-l", "CHW")
    assert poolcli(*command, "-o", "out.npy").code == 0
    outcome = poolcli(*command, "-o", "out.zarr")
    assert outcome.code == 0, outcome.err
    found = opened("out.zarr")
    assert found.shape == shape
    np.testing.assert_array_equal(found[...], np.load("out.npy"))
    if kind == "zarr" and "chain" not in command:
        assert found.metadata.dimension_names == ("c", "y", "x")[: len(shape)]


@pytest.mark.parametrize("shards", [None, (1, 16, 32)])
def test_parts_of_a_pyramid_stand_along_no_axis_of_the_input(
    poolcli: Run, shards: tuple[int, ...] | None
) -> None:
    store("in.zarr", MAPS, (1, 16, 16), shards=shards, dimension_names=("c", "y", "x"))
    run = ("pyramid", "max", "--levels", "1,2", "in.zarr", "-l", "CHW", "-o")
    outcome = poolcli(*run, "out.zarr")
    assert outcome.code == 0, outcome.err
    assert poolcli(*run, "out.npy").code == 0
    found = opened("out.zarr")
    np.testing.assert_array_equal(found[...], np.load("out.npy"))
    assert found.metadata.dimension_names == ("c", None)


def test_pictures_and_archives_become_stores(poolcli: Run) -> None:
    from PIL import Image

    Image.fromarray(RANDOM.integers(0, 255, (20, 30, 3)).astype("u1")).save("a.png")
    np.savez("b.npz", x=PLANE, y=np.float32(3))
    assert poolcli("max", "-k", 2, "a.png", "b.npz", "-o", "out/", "--to", "zarr").code == 0
    assert poolcli("max", "-k", 2, "a.png", "-o", "a.npy").code == 0
    np.testing.assert_array_equal(opened("out/a.zarr")[...], np.load("a.npy"))
    group = zarr.open_group("out/b.zarr", mode="r")
    assert (group["x"].shape, group["y"][()]) == ((25, 35), 3)
    with open("b.npz", "rb") as piped:
        outcome = poolcli("max", "-k", 2, "-", "-o", "piped.zarr", stdin=piped.read())
    assert outcome.code == 0, outcome.err
    assert sorted(zarr.open_group("piped.zarr", mode="r")) == ["x", "y"]


def test_each_chunk_is_written_whole_and_once(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    boxes: list[tuple[tuple[int, int], ...]] = []
    write = ZarrOutput.write_box

    def noted(self: ZarrOutput, box: Any, values: Any) -> None:
        boxes.append(box)
        write(self, box, values)

    monkeypatch.setattr(ZarrOutput, "write_box", noted)
    store("in.zarr", MAPS, (1, 4, 5))
    assert poolcli("max", *WIDE, "in.zarr", "-o", "out.zarr", "--threads", 2).code == 0
    chunks, shape = (1, 4, 5), (2, 15, 13)
    written: list[tuple[int, ...]] = []
    for box in boxes:
        for (low, high), n, most in zip(box, chunks, shape, strict=True):
            assert low % n == 0
            assert high % n == 0 or high == most
        spans = [range(low // n, -(-high // n)) for (low, high), n in zip(box, chunks, strict=True)]
        written += itertools.product(*spans)
    assert sorted(written) == sorted(itertools.product(range(2), range(4), range(3)))


def test_after_a_failure_nothing_is_written_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library writes several chunks at a time, and goes on when one has failed."""
    folder = str(tmp_path / "new.zarr")
    new = NewArray(folder, ".zarr", (32, 32), (32, 32), np.dtype("u1"), chunks=(8, 8))
    output = ZarrOutput(folder, new)
    before = zarr.storage.LocalStore.set

    async def failing(self: Any, key: str, value: Any) -> None:
        if key == "c/0/0":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        await asyncio.sleep(0.05)
        await before(self, key, value)

    monkeypatch.setattr(zarr.storage.LocalStore, "set", failing)
    with pytest.raises(OutputError, match="No space left"):
        output.write_box(((0, 32), (0, 32)), np.ones((32, 32), "u1"))
    shutil.rmtree(folder)
    time.sleep(0.15)
    assert not os.path.exists(folder)


def test_what_exists_is_replaced_only_when_told(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 16))
    assert poolcli("max", "-k", 2, "in.zarr", "-o", "out.zarr").code == 0
    before = files("out.zarr")
    outcome = poolcli("min", "-k", 2, "in.zarr", "-o", "out.zarr")
    assert (outcome.code, outcome.err) == (
        2,
        "poolcli: out.zarr: exists; --overwrite replaces it\n",
    )
    assert poolcli("min", "-k", 2, "in.zarr", "-o", "out.zarr", "--skip-existing").code == 0
    assert files("out.zarr") == before
    assert poolcli("min", "-k", 2, "in.zarr", "-o", "out.zarr", "--overwrite").code == 0
    np.testing.assert_array_equal(opened("out.zarr")[...], library.pool(PLANE, "min", 2))
    assert poolcli("min", "-k", 2, "in.zarr", "-o", "in.zarr", "--overwrite").code == 0
    np.testing.assert_array_equal(opened("in.zarr")[...], library.pool(PLANE, "min", 2))
    assert sorted(os.listdir()) == ["in.zarr", "out.zarr"]


def test_a_store_is_no_folder_of_outputs(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 16))
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "in.zarr/")
    assert (outcome.code, outcome.err) == (
        2,
        "poolcli: in.zarr/: is a store, not a folder of files; without the last / it is named\n",
    )


def test_a_dry_run_makes_nothing(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 16))
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.zarr", "--dry-run")
    assert outcome.code == 0
    assert outcome.text.startswith("in.zarr -> out.zarr  50x70 HW float32 -> 25x35 float32")
    assert os.listdir() == ["in.zarr"]


def test_a_folder_of_something_else_is_not_replaced(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 16))
    Path("mine.zarr").mkdir()
    Path("mine.zarr/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="it is a folder of something else"):
        write_archive("mine.zarr", {"a": PLANE}, ZARR, overwrite=True)
    # Named so, it is a folder for outputs, as any other is.
    assert poolcli("max", "-k", 2, "in.zarr", "-o", "mine.zarr", "--overwrite").code == 0
    assert sorted(os.listdir("mine.zarr"))[-2:] == ["in.zarr", "notes.txt"]
    assert Path("mine.zarr/notes.txt").read_text() == "mine"


@pytest.mark.parametrize("output", ["-", "/dev/null"])
def test_it_goes_to_no_stream(poolcli: Run, output: str) -> None:
    np.save("in.npy", PLANE)
    outcome = poolcli("max", "-k", 2, "in.npy", "-o", output, "-f", "zarr")
    assert outcome.code != 0
    assert "zarr is a folder, and goes to no stream" in outcome.err
    assert os.listdir() == ["in.npy"]


@pytest.mark.parametrize("name", ["../up", "a//b", "a/zarr.json", "__x", ".", "a" * 300])
def test_names_that_no_array_of_a_store_can_have(poolcli: Run, name: str) -> None:
    np.savez("in.npz", **{name: PLANE})
    outcome = poolcli("max", "-k", 2, "in.npz", "-o", "out.zarr")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: out.zarr: an array of Zarr cannot be called ")
    assert os.listdir() == ["in.npz"]


def test_an_array_inside_an_array(poolcli: Run) -> None:
    np.savez("in.npz", **{"a": PLANE, "a/b": PLANE})
    outcome = poolcli("max", "-k", 2, "in.npz", "-o", "out.zarr")
    assert outcome.err == ("poolcli: out.zarr: a would be an array and a group, which has a/b\n")


def test_resume_does_what_is_left_or_has_changed(poolcli: Run) -> None:
    for name in "ab":
        store(f"in/{name}.zarr", PLANE, (16, 16))
    run = ("max", "-k", 2, "in", "-o", "out/", "--resume")
    assert poolcli(*run).code == 0
    before = {p: os.stat(p).st_mtime_ns for p in Path("out").rglob("*")}
    assert poolcli(*run).code == 0
    assert {p: os.stat(p).st_mtime_ns for p in Path("out").rglob("*")} == before
    zarr.open_array("in/a.zarr")[20:30, 20:30] = 99  # one chunk, whose folder is the same
    assert poolcli(*run).code == 0
    assert opened("out/a.zarr")[...].max() == 99
    Path("out/b.zarr/c/0/0").unlink()
    assert poolcli(*run).code == 0
    np.testing.assert_array_equal(opened("out/b.zarr")[...], library.pool(PLANE, "max", 2))


def test_killed_and_resumed(poolcli: Run) -> None:
    array = RANDOM.random((600, 600)).astype("f4")
    for name in "ab":
        store(f"in/{name}.zarr", array, (100, 100))
    run = ("median", "-k", 9, "-s", 1, "--threads", 1, "in", "-j", 1, "-o")
    with start(*run, "out/", "--resume") as program:
        deadline = time.monotonic() + 60
        while not list(Path().glob("out/.poolcli-*.tmp/c/*")) and time.monotonic() < deadline:
            time.sleep(0.005)
        program.kill()
    assert program.returncode == -9
    left = [name for name in os.listdir("out") if name.endswith(".tmp")]
    assert len(left) == 1
    assert not set(os.listdir("out")) >= {"a.zarr", "b.zarr"}
    assert poolcli(*run, "out/", "--resume").code == 0
    assert poolcli(*run, "whole/").code == 0
    assert sorted(os.listdir("out")) == [".poolcli", "a.zarr", "b.zarr"]
    for name in "ab":
        assert files(f"out/{name}.zarr") == files(f"whole/{name}.zarr")


def test_notes_and_json(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 16))
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.zarr", "--json")
    record = json.loads(outcome.out)
    assert (record["written"], record["output"]["shape"]) == ("out.zarr", [25, 35])
    assert record["warnings"] == []
