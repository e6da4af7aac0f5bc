"""The Zarr door: what zarr-python and xarray write is read, and what is no store is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import poolcli as library
from poolcli.errors import InputError
from poolcli.formats.readers import read_file
from poolcli.formats.settings import Members, Reading
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
RANDOM = np.random.default_rng(2)
DTYPES = ("?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
PLANE = RANDOM.normal(size=(50, 70)).astype("f4")


def store(
    path: str, array: np.ndarray, chunks: tuple[int, ...], version: int = 3, **more: Any
) -> zarr.Array:
    """Write an array with the library."""
    made = zarr.create_array(
        path, shape=array.shape, dtype=array.dtype, chunks=chunks, zarr_format=version, **more
    )
    made[...] = array
    return made


def edited(path: str, **fields: Any) -> None:
    """Change what the metadata of an array of version 3 says."""
    file = Path(path, "zarr.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


@pytest.mark.parametrize(
    ("version", "more"),
    [
        (2, {}),
        (2, {"order": "F", "compressors": None}),
        (3, {}),
        (3, {"shards": (14, 22), "compressors": zarr.codecs.GzipCodec()}),
        (3, {"serializer": zarr.codecs.BytesCodec(endian="big"), "compressors": None}),
    ],
)
def test_every_type_of_number(version: int, more: dict[str, Any]) -> None:
    arrays = {name: RANDOM.integers(0, 2, (16, 25)).astype(name) for name in DTYPES}
    zarr.create_group("in.zarr", zarr_format=version)
    for name, array in arrays.items():
        store("in.zarr", array, (7, 11), version, name=name, **more)
    found = {str(source.member): source for source in read_file("in.zarr")}
    assert set(found) == set(arrays)
    for name, array in arrays.items():
        source = found[name]
        assert (source.label, source.kind, source.chunks) == (f"in.zarr:{name}", "zarr", (7, 11))
        assert source.array.dtype == array.dtype
        np.testing.assert_array_equal(source.array, array)


def test_the_other_byte_order_of_version_2() -> None:
    store("in.zarr", PLANE.astype(">f4"), (20, 20), 2)
    (found,) = read_file("in.zarr")
    np.testing.assert_array_equal(found.array, PLANE)


@pytest.mark.parametrize("version", [2, 3])
def test_groups_are_archives(poolcli: Run, version: int) -> None:
    group = zarr.create_group("in.zarr", zarr_format=version)
    for name in ("a/x", "a/y", "z"):
        group.create_array(name, data=PLANE, chunks=(16, 16))
    group.create_array("a/bias", data=np.ones(3))
    assert [source.member for source in read_file("in.zarr")] == ["a/bias", "a/x", "a/y", "z"]
    assert [source.member for source in read_file("in.zarr:a/x")] == ["a/x"]
    assert [source.member for source in read_file("in.zarr:a")] == ["a/bias", "a/x", "a/y"]
    some = Reading(members=Members(("*x", "z")))
    assert [source.member for source in read_file("in.zarr/", some)] == ["a/x", "z"]
    with pytest.raises(InputError, match=r"in\.zarr:b: it has no array of this name; it has a/bi"):
        list(read_file("in.zarr:b"))
    assert poolcli("max", "-k", 2, "in.zarr", "-o", "out.npz").code == 0
    with np.load("out.npz") as found:
        assert list(found) == ["a/bias", "a/x", "a/y", "z"]
        np.testing.assert_array_equal(found["a/x"], library.pool(PLANE, "max", 2))


@pytest.mark.parametrize("search", [(), ("-r",)])
def test_a_store_in_a_folder_is_one_input(poolcli: Run, search: tuple[str, ...]) -> None:
    store("in/a.zarr", PLANE, (16, 16))
    np.save("in/b.npy", PLANE)
    assert poolcli("max", "-k", 2, "in", "-o", "out/", "--to", "npy", *search).code == 0
    assert sorted(path.name for path in Path("out").glob("*.npy")) == ["a.npy", "b.npy"]
    outcome = poolcli("info", "in/*")
    assert [line.split(":")[0] for line in outcome.text.splitlines()] == ["in/a.zarr", "in/b.npy"]


def test_names_of_axes_and_what_is_missing(poolcli: Run) -> None:
    import xarray

    values = RANDOM.normal(size=(3, 8, 16))
    values[0, :2, :2] = np.nan
    data = xarray.DataArray(values, dims=("time", "lat", "lon"), attrs={"units": "K"})
    for version in (2, 3):
        data.to_dataset(name="t2m").to_zarr(f"{version}.zarr", zarr_format=version)
        (found,) = read_file(f"{version}.zarr")
        assert (found.member, found.layout) == ("t2m", "NHW")
        assert found.info.description.names == ("time", "lat", "lon")
        assert found.info.description.attributes["units"] == "K"
    assert found.nodata is not None
    assert np.isnan(found.nodata)
    outcome = poolcli("avg", "-k", 2, "3.zarr", "-o", "out.npy")
    assert "not in the result: the names of its axes (time, lat, lon)" in outcome.err
    expected = library.pool(values, "avg", 2, layout="NHW", nan="skip")
    np.testing.assert_array_equal(np.load("out.npy"), expected)


def ome(version: int) -> None:
    """Write a picture of two resolutions as OME-Zarr does."""
    group = zarr.create_group("x.ome.zarr", zarr_format=version)
    axes = [{"name": name} for name in ("c", "z", "y", "x")]
    datasets = [{"path": path, "coordinateTransformations": []} for path in ("0", "1")]
    said = {"multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs.update({"ome": said} if version == 3 else said)
    for level in range(2):
        array = RANDOM.integers(0, 99, (2, 4, 16 >> level, 32 >> level), "u2")
        group.create_array(str(level), data=array)
    labels = group.create_group("labels")
    labels.create_array("seg/0", data=np.ones((4, 16, 32), "u1"))


@pytest.mark.parametrize("version", [2, 3])
def test_of_a_picture_at_several_resolutions_the_finest(poolcli: Run, version: int) -> None:
    ome(version)
    (found,) = read_file("x.ome.zarr")
    assert (found.member, found.layout, found.shape) == ("0", "CDHW", (2, 4, 16, 32))
    assert found.notes == ("of 2 resolutions the finest is pooled, 0",)
    assert [source.member for source in read_file("x.ome.zarr:1")] == ["1"]
    assert len(list(read_file("x.ome.zarr", Reading(members=Members(every=True))))) == 3
    outcome = poolcli("mode", "-k", 2, "x.ome.zarr", "-o", "out.npy")
    assert outcome.code == 0
    assert "of 2 resolutions the finest is pooled, 0" in outcome.err
    assert np.load("out.npy").shape == (2, 2, 8, 16)


def test_a_missing_chunk_is_the_fill_value_with_a_note(poolcli: Run) -> None:
    store("in.zarr", PLANE, (16, 32), fill_value=7)
    Path("in.zarr/c/1/2").unlink()
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.npy")
    assert outcome.code == 0
    assert "hint: in.zarr: 1 of 12 chunks are not there, and hold 7.0\n" in outcome.err
    expected = PLANE.copy()
    expected[16:32, 64:] = 7
    np.testing.assert_array_equal(np.load("out.npy"), library.pool(expected, "max", 2))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("data", [b"", b"nothing at all", None])
def test_a_damaged_chunk_is_named(poolcli: Run, version: int, data: bytes | None) -> None:
    more = {"compressors": [zarr.codecs.Crc32cCodec()]} if version == 3 else {}
    store("in.zarr", PLANE, (16, 32), version, **more)
    key = "c/1/2" if version == 3 else "1.2"
    chunk = Path("in.zarr", key)
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2] if data is None else data)
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.npy")
    assert outcome.code == 1
    assert outcome.err.startswith(f"poolcli: in.zarr: its chunk {key} is damaged: ")
    assert len(outcome.err.splitlines()) == 1
    assert not Path("out.npy").exists()


@pytest.mark.parametrize("data", [b"", b"\xff" * 400, None])
def test_a_damaged_shard_is_named(poolcli: Run, data: bytes | None) -> None:
    store("in.zarr", PLANE, (8, 16), shards=(16, 32))
    shard = Path("in.zarr/c/1/2")
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-40] if data is None else data)
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.npy")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: in.zarr: its chunk c/1/2 is damaged: ")
    assert len(outcome.err.splitlines()) == 1
    assert not Path("out.npy").exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"shape": [-4, 4]}, "its shape is no list of whole numbers from 0"),
        ({"shape": [2.0, 4]}, "its shape is no list of whole numbers from 0"),
        ({"shape": "4x4"}, "its shape is no list of whole numbers from 0"),
        ({"shape": [2**62, 2**62]}, "its shape multiplies to more cells than there can be"),
        ({"shape": [10**30, 4]}, "its shape is no list of whole numbers from 0"),
        ({"shape": [1] * 90}, "its shape has 90 axes; at most 32 are read"),
        ({"shape": [50]}, "its shape has 1 axes, and its chunks have 2"),
        (
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [0, 4]}}},
            "its shape of chunks is no list of whole numbers from 1",
        ),
        (
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [-1, 4]}}},
            "its shape of chunks is no list of whole numbers from 1",
        ),
        ({"chunk_grid": {"name": "rectangles"}}, "its chunk_grid is not regular"),
        ({"chunk_grid": None}, "its chunk_grid is not regular"),
        ({"data_type": "bfloat16"}, "bfloat16"),
        ({"data_type": "complex64"}, "it holds complex64; numbers and bool are read"),
        ({"data_type": "string"}, "it holds string; numbers and bool are read"),
        ({"data_type": {"name": "fixed_length_utf32"}}, "it holds fixed_length_utf32; numbers"),
        ({"data_type": ["int8"]}, "it holds ['int8']; numbers and bool are read"),
        ({"codecs": [{"name": "numcodecs.pickle"}]}, "its chunks hold pickles, which may run code"),
        ({"codecs": [{"name": "nobody.knows"}]}, "nobody.knows"),
        ({"codecs": 3}, ""),
        ({"zarr_format": 4}, "its zarr.json is of no version that is read"),
        ({"node_type": "thing"}, "its zarr.json is neither of an array nor of a group"),
        ({"attributes": [1]}, "its attributes are no JSON object"),
        ({"fill_value": "nothing"}, ""),
    ],
)
def test_metadata_that_cannot_be(fields: dict[str, Any], words: str) -> None:
    store("in.zarr", PLANE, (16, 32))
    edited("in.zarr", **fields)
    with pytest.raises(InputError) as refused:
        [source.array for source in read_file("in.zarr")]
    message = str(refused.value)
    assert message.startswith("in.zarr: ")
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "no JSON"),
        (b"{", "no JSON"),
        (b"[1, 2]", "no JSON object"),
        (b'{"a":' + b"[" * 100_000, "no JSON"),
        (b" " * (1 << 24) + b"{}", "its zarr.json has more than 16.0 MiB"),
    ],
)
def test_metadata_that_is_none(text: bytes, words: str) -> None:
    Path("in.zarr").mkdir()
    Path("in.zarr/zarr.json").write_bytes(text)
    with pytest.raises(InputError, match=rf"^in\.zarr: .*{words}"):
        list(read_file("in.zarr"))


def test_an_array_that_is_broken_keeps_no_other_back(poolcli: Run) -> None:
    group = zarr.create_group("in.zarr")
    for name in ("x", "y"):
        group.create_array(name, data=PLANE)
    Path("in.zarr/x/zarr.json").write_text("{")
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.npz")
    assert outcome.code == 1
    assert "poolcli: in.zarr:x: its zarr.json is damaged: it is no JSON\n" in outcome.err
    with np.load("out.npz") as found:
        assert list(found) == ["y"]


def test_a_pickle_is_never_loaded(tmp_path: Path) -> None:
    """Of version 2, where a codec of numcodecs would."""
    store("in.zarr", PLANE, (50, 70), 2, compressors=None)
    file = Path("in.zarr/.zarray")
    fields = json.loads(file.read_text())
    for place in ({"compressor": {"id": "pickle"}}, {"filters": [{"id": "pickle"}]}):
        file.write_text(json.dumps({**fields, **place}))
        Path("in.zarr/0.0").write_bytes(b"cos\nmkdir\n(S'ran'\ntR.")
        with pytest.raises(InputError, match="its chunks hold pickles, which may run code"):
            [source.array for source in read_file("in.zarr")]
    assert not Path("ran").exists()


def test_absurd_sizes_take_no_memory(poolcli: Run) -> None:
    zarr.create_array("in.zarr", shape=(10**9, 10**9), chunks=(10**6, 10**6), dtype="u1")
    outcome = poolcli("max", "-k", 2, "in.zarr", "-o", "out.npy")
    assert outcome.code == 1
    assert "holding its chunks, 1000000x1000000 each, needs 5.5 TiB of memory" in outcome.err
    assert list(Path().iterdir()) == [Path("in.zarr")]


def test_links_that_go_round_are_looked_at_once() -> None:
    group = zarr.create_group("in.zarr")
    group.create_array("x", data=PLANE)
    Path("in.zarr/again").symlink_to("../in.zarr")
    assert [source.member for source in read_file("in.zarr")] == ["x"]


def test_a_zipped_store_says_what_to_do(poolcli: Run) -> None:
    store("in.zarr", PLANE, (50, 70))
    shutil.make_archive("in.zarr", "zip", "in.zarr")
    outcome = poolcli("max", "-k", 2, "in.zarr.zip")
    assert outcome.err == "poolcli: in.zarr.zip: it is a Zarr store in a zip; unpack it first\n"
