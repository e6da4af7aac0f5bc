"""The HDF5 door: files of h5py, what NetCDF-4 says of arrays, and what is not followed."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import poolcli as library
from poolcli.errors import InputError
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.settings import Members, Reading
from poolcli.ops import OPS
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
RANDOM = np.random.default_rng(1)
DTYPES = ("?", "u1", ">u2", "<u4", "u8", "i1", "i2", ">i4", "i8", "f2", ">f4", "f4", "<f8")


def dimensions(file: h5py.File, dataset: h5py.Dataset, names: tuple[str, ...]) -> None:
    """Name the axes as NetCDF-4 does: by scales, datasets of one axis."""
    for axis, name in enumerate(names):
        if name not in file:
            file[name] = np.arange(dataset.shape[axis], dtype="f8")
            file[name].make_scale(name)
        dataset.dims[axis].attach_scale(file[name])


@pytest.fixture
def weather() -> np.ndarray:
    """Write ``in.nc``: one array of three named axes, packed, with cells that are missing."""
    values = RANDOM.integers(0, 100, (3, 8, 16)).astype("i2")
    values[0, :2, :2] = values[1, 3, 5] = -9999
    with h5py.File("in.nc", "w") as file:
        packed = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        data = file.create_dataset("t2m", data=values, chunks=(1, 4, 8), **packed)
        data.attrs.update({"_FillValue": np.int16(-9999), "units": "K"})
        data.attrs.update({"scale_factor": 0.01, "add_offset": 273.15})
        dimensions(file, data, ("time", "lat", "lon"))
        file["crs"] = 0
        file.attrs["title"] = "a test"
    return values


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "how", [{}, {"chunks": (2, 3)}, {"chunks": (4, 5), "compression": "lzf", "shuffle": True}]
)
def test_every_type_of_number_as_it_is_stored(dtype: str, how: dict[str, Any]) -> None:
    array = RANDOM.integers(0, 2, (7, 11)).astype(dtype)
    with h5py.File("in.h5", "w") as file:
        file.create_dataset("deep/er/x", data=array, **how)
    (found,) = read_file("in.h5")
    assert (found.label, found.member, found.kind) == ("in.h5:deep/er/x", "deep/er/x", "hdf5")
    assert (found.array.dtype.str, found.chunks) == (array.dtype.str, how.get("chunks"))
    np.testing.assert_array_equal(found.array, array)


@pytest.mark.parametrize("block", [0, 512, 1024, 2048])
def test_after_a_block_of_the_users(block: int) -> None:
    with h5py.File("in.mat", "w", userblock_size=block) as file:
        file["x"] = np.eye(4)
    with open("in.mat", "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file"[:block])
    (found,) = read_file("in.mat")
    np.testing.assert_array_equal(found.array, np.eye(4))


def test_through_a_pipe() -> None:
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        file.create_dataset("x", data=np.eye(6), chunks=(2, 3))
    (found,) = read_stdin(io.BytesIO(target.getvalue()))
    np.testing.assert_array_equal(found.array, np.eye(6))


def test_where_several_could_be_meant_people_say_which(poolcli: Run) -> None:
    with h5py.File("in.h5", "w") as file:
        file["g/a"], file["g/b"], file["c"] = np.eye(4), np.ones((6, 2)), np.zeros((2, 2, 2))
        file["g/bias"] = np.zeros(3)
    outcome = poolcli("max", "-k", 2, "in.h5")
    assert outcome.code == 1
    assert outcome.err == (
        "poolcli: in.h5: it holds 3 arrays: c 2x2x2, g/a 4x4, g/b 6x2; name one, as in in.h5:c, or"
        " choose some with --arrays\n"
    )
    assert [source.member for source in read_file("in.h5:g/b")] == ["g/b"]
    some = Reading(members=Members(("g/?",)))
    assert [source.member for source in read_file("in.h5", some)] == ["g/a", "g/b"]
    assert len(list(read_file("in.h5", Reading(members=Members(every=True))))) == 4
    with pytest.raises(InputError, match=r"in\.h5:x: it has no array of this name; it has c, g/a"):
        list(read_file("in.h5:x"))


def test_what_netcdf_says_of_an_array(poolcli: Run, weather: np.ndarray) -> None:
    outcome = poolcli("avg", "-k", 2, "in.nc", "-o", "out.npy", "--json")
    record = json.loads(outcome.out)
    assert record["input"]["layout"] == "NHW"
    assert record["warnings"] == [
        "values are pooled as they are stored, without scale_factor 0.01 and add_offset 273.15",
        "not in the result: the names of its axes (time, lat, lon) and its attributes (add_offset,"
        " scale_factor, units); .zarr has a place for that",
    ]
    expected = library.pool(weather, "avg", 2, layout="NHW", nodata=-9999)
    np.testing.assert_array_equal(np.load("out.npy"), expected)
    assert expected[0, 0, 0] == -9999


@pytest.mark.parametrize("op", OPS)
def test_chunk_by_chunk_is_as_in_memory(poolcli: Run, op: str) -> None:
    maps = RANDOM.random((2, 29, 26)).astype("f4")
    with h5py.File("in.h5", "w") as file:
        file.create_dataset("x", data=maps, chunks=(1, 5, 6), compression="lzf")
    wide = ("-k", 3, "-s", 2, "-p", 1, "-l", "CHW", "--threads", 2)
    assert poolcli(op, *wide, "in.h5", "-o", "out.npy").code == 0
    expected = library.pool(maps, op, 3, stride=2, padding=1, layout="CHW")
    assert np.load("out.npy").tobytes() == expected.tobytes()


def test_a_layout_that_was_asked_for_wins(poolcli: Run, weather: np.ndarray) -> None:
    assert poolcli("max", "-k", 2, "-l", "HWC", "in.nc", "-o", "out.npy").code == 0
    assert np.load("out.npy").shape == (1, 4, 16)


def test_several_go_into_an_archive(poolcli: Run, weather: np.ndarray) -> None:
    some = ("--arrays", "*", "--arrays", "time")  # a scale only where it is named
    assert poolcli("max", "-k", 2, "in.nc", *some, "-o", "out.npz").code == 0
    with np.load("out.npz") as found:
        shapes = {name: found[name].shape for name in found}
    assert shapes == {"crs": (), "t2m": (3, 4, 8), "time": (3,)}


def test_info_tells_all(poolcli: Run, weather: np.ndarray) -> None:
    outcome = poolcli("info", "in.nc")
    assert outcome.code == 0, outcome.err
    assert "in.nc:t2m: 3x8x16 NHW int16 (hdf5, nodata -9999)" in outcome.text
    assert len(outcome.text.splitlines()) == 5


def test_two_values_that_mean_missing() -> None:
    with h5py.File("in.h5", "w") as file:
        file["x"] = np.eye(4, dtype="f4")
        file["x"].attrs.update({"_FillValue": np.float32(1e20), "missing_value": [7.0, 1e20]})
    (found,) = read_file("in.h5")
    assert found.nodata == np.float32(1e20)
    assert found.notes == (f"only {found.nodata} means missing; 7.0 is pooled like any value",)


def test_it_is_not_written(poolcli: Run, weather: np.ndarray) -> None:
    outcome = poolcli("max", "-k", 2, "in.nc", "-o", "out.h5")
    assert (outcome.code, outcome.err[:55]) == (
        2,
        "poolcli: out.h5: hdf5 is read and not written; those wr",
    )
    outcome = poolcli("max", "-k", 2, "in.nc", "-o", "out/")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: in.nc:t2m: hdf5 is read and not written;")
    assert not Path("out").exists()
    assert poolcli("max", "-k", 2, "in.nc", "-o", "out/", "--to", "npy").code == 0
    assert [path.name for path in Path("out").glob("*.npy")] == ["in.npy"]


def _linked(file: h5py.File) -> None:
    with h5py.File("other.h5", "w") as other:
        other["y"] = np.eye(4)
    file["x"] = h5py.ExternalLink("other.h5", "/y")


def _virtual(file: h5py.File) -> None:
    with h5py.File("other.h5", "w") as other:
        other["y"] = np.eye(4)
    layout = h5py.VirtualLayout((4, 4), "f8")
    layout[...] = h5py.VirtualSource("other.h5", "y", (4, 4))
    file.create_virtual_dataset("x", layout)


def _external(file: h5py.File) -> None:
    Path("raw").write_bytes(b"\0" * 128)
    file.create_dataset("x", (4, 4), "f8", external=[("raw", 0, 128)])


def _soft(file: h5py.File) -> None:
    file["x"] = h5py.SoftLink("/x")
    file["y/up"] = h5py.SoftLink("/y")


def _records(file: h5py.File) -> None:
    file["x"] = np.zeros((4, 4), [("a", "f4"), ("b", "i2")])


def _strings(file: h5py.File) -> None:
    file["x"] = ["a", "b"]


def _complex(file: h5py.File) -> None:
    file["x"] = np.zeros((4, 4), "c8")


def _shapeless(file: h5py.File) -> None:
    file["x"] = h5py.Empty("f4")


def _nothing(file: h5py.File) -> None:
    file.create_group("x")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_linked, "it is a link to other.h5:/y, which is not followed"),
        (_virtual, "it is a virtual dataset, made of others; save it as one first"),
        (_external, "its data lie in another file, raw, which is not followed; save it"),
        (_soft, "it is a link to /x, which is not followed"),
        (_records, "it holds records or raw bytes; numbers and bool are read"),
        (_strings, "it holds texts, references or lists of varying length; numbers"),
        (_complex, "it holds complex numbers; numbers and bool are read"),
        (_shapeless, "it is a dataset of no shape, which holds no value"),
        (_nothing, "it holds no array"),
    ],
)
def test_what_is_not_followed_or_no_number(make: Callable[[h5py.File], None], words: str) -> None:
    with h5py.File("in.h5", "w") as file:
        if make is not _nothing:
            file["own"] = np.eye(2)
        make(file)
    name = "in.h5" if make is _nothing else "in.h5:x"
    with pytest.raises(InputError) as refused:
        list(read_file(name))
    assert str(refused.value).startswith(f"{name}: {words}")


def test_groups_that_go_round_are_looked_at_once() -> None:
    with h5py.File("in.h5", "w") as file:
        file["g/x"] = np.eye(4)
        file["g/again"], file["g/same"] = file["g"], file["g/x"]
    (found,) = read_file("in.h5")
    assert found.member in ("g/x", "g/same")


def test_a_damaged_chunk_spoils_its_own_array_only(poolcli: Run) -> None:
    with h5py.File("in.h5", "w") as file:
        data = file.create_dataset("x", data=np.ones((8, 8)), chunks=(4, 4), compression="gzip")
        file["y"] = np.eye(4)
        place = data.id.get_chunk_info(2).byte_offset
    with open("in.h5", "r+b") as raw:
        raw.seek(place)
        raw.write(b"nothing")
    outcome = poolcli("max", "-k", 2, "in.h5", "--arrays", "*", "-o", "out.npz")
    assert outcome.code == 1
    assert "in.h5:x: its cells 4:8x0:4 cannot be read: filter returned" in outcome.err
    with np.load("out.npz") as found:
        assert list(found) == ["y"]


def test_absurd_sizes_take_no_memory(poolcli: Run) -> None:
    with h5py.File("in.h5", "w") as file:
        file.create_dataset("x", (10**9, 10**9), "f4", chunks=(8, 8))
        file.create_dataset("chunk", (1 << 15, 1 << 16), "u1", chunks=(1 << 15, 1 << 16))
    outcome = poolcli("max", "-k", 2, "in.h5:x", "-o", "out.csv")
    assert outcome.code == 1
    assert "its result needs 1.0e+18 bytes of memory" in outcome.err
    outcome = poolcli("max", "-k", 2, "in.h5:chunk", "--max-memory", "1G", "-o", "out.npy")
    assert outcome.code == 1
    assert (
        "holding its chunks, 32768x65536 each, needs 6.0 GiB of memory, and 1.0 GiB are"
        in outcome.err
    )
    assert not Path("out.npy").exists()


def test_broken_files_are_refused_in_one_line(weather: np.ndarray) -> None:
    data = Path("in.nc").read_bytes()
    for size in (9, 100, 800, len(data) // 2, len(data) - 1):
        Path("bad.nc").write_bytes(data[:size])
        with pytest.raises(InputError, match=r"^bad\.nc: it is damaged HDF5: [^\n]+$"):
            list(read_file("bad.nc"))


def test_netcdf_of_the_classic_format_says_what_to_do(poolcli: Run) -> None:
    Path("in.nc").write_bytes(b"CDF\x01" + b"\0" * 40)
    outcome = poolcli("max", "-k", 2, "in.nc")
    assert outcome.err == (
        "poolcli: in.nc: it is NetCDF of the classic format; make it NetCDF-4 first, with nccopy -k"
        " nc4 FILE NEW\n"
    )


def test_without_the_library(
    poolcli: Run, weather: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    outcome = poolcli("max", "-k", 2, "in.nc")
    assert (outcome.code, outcome.err) == (
        1,
        "poolcli: in.nc: HDF5 needs h5py, which is not installed; pip install 'poolcli[hdf5]'\n",
    )
