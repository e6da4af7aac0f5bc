"""The .npz door: every array, one by name, and what a bad member does to the others."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import InputError, OutputError
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.settings import Reading
from poolcli.formats.sinks import write_archive, write_file, write_stream
from poolcli.formats.table import NPZ

ARRAYS = {
    "features": np.arange(24, dtype=">f4").reshape(2, 3, 4),
    "a:b": np.eye(2),
    "../up": np.arange(3, dtype=np.uint8),
    "number": np.array(4),
    "none": np.empty((0, 2), bool),
}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_archive(str(tmp_path / "in.npz"), ARRAYS, NPZ)
    return tmp_path / "in.npz"


def test_every_array_with_label_and_member(archive: Path) -> None:
    loaded = list(read_file(str(archive)))
    assert [item.label for item in loaded] == [f"{archive}:{name}" for name in ARRAYS]
    assert [item.member for item in loaded] == list(ARRAYS)
    for item, array in zip(loaded, ARRAYS.values(), strict=True):
        assert (item.kind, item.format, item.layout) == ("npz", ".npz", None)
        assert item.array.dtype.str == array.dtype.str
        np.testing.assert_array_equal(item.array, array)


def test_numpy_reads_ours_and_we_read_numpys(archive: Path, tmp_path: Path) -> None:
    with np.load(archive) as theirs:
        np.testing.assert_array_equal(theirs["features"], ARRAYS["features"])
    np.savez_compressed(tmp_path / "numpy.npz", ARRAYS["features"], b=ARRAYS["a:b"])
    assert {item.member for item in read_file(str(tmp_path / "numpy.npz"))} == {"arr_0", "b"}


@pytest.mark.parametrize("name", ["features", "a:b", "../up", "features.npy"])
def test_one_array_by_name(name: str, archive: Path) -> None:
    (loaded,) = read_file(f"{archive}:{name}")
    np.testing.assert_array_equal(loaded.array, ARRAYS[name.removesuffix(".npy")])


def test_an_unknown_name_lists_the_known(archive: Path) -> None:
    with pytest.raises(InputError, match=r"in\.npz:x: it has no array .*; it has features, a:b"):
        list(read_file(f"{archive}:x"))


def test_a_name_inside_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("1,2\n")
    with pytest.raises(InputError, match=r"m\.csv: it has no array 'x': only \.npz"):
        list(read_file(f"{tmp_path}/m.csv:x"))


def test_a_colon_in_a_files_own_name(tmp_path: Path) -> None:
    np.save(tmp_path / "t=12:30.npy", np.eye(2))
    (loaded,) = read_file(f"{tmp_path}/t=12:30.npy")
    assert loaded.kind == "npy"


def test_same_arrays_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    write_archive(str(tmp_path / "again.npz"), ARRAYS, NPZ)
    assert (tmp_path / "again.npz").read_bytes() == archive.read_bytes()


def test_a_bad_array_does_not_keep_back_the_others(archive: Path) -> None:
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("bad.npy", b"\x93NUMPY\x01\0\x10\0nothing")
        more.writestr("worse.npy", b"no")
        more.writestr("good.npy", npy_bytes(np.eye(3)))
    arrays = read_file(str(archive))
    names = [next(arrays).member for _ in range(len(ARRAYS) + 1)]
    assert names == [*ARRAYS, "good"]
    with pytest.raises(InputError, match=r"in\.npz:bad: .* \(and 1 more arrays of it failed\)$"):
        next(arrays)


def npy_bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    write_stream(stream, array)
    return stream.getvalue()


def test_memory_limit_per_array(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "zeros.npz", a=np.zeros(2**20, np.uint8))
    with pytest.raises(InputError, match=r"zeros\.npz:a: it needs 1\.0 MiB of memory, and 1000 b"):
        list(read_file(str(tmp_path / "zeros.npz"), Reading(max_bytes=1000)))


def test_through_a_pipe(archive: Path) -> None:
    loaded = list(read_stdin(io.BytesIO(archive.read_bytes())))
    assert [item.label for item in loaded] == [f"-:{name}" for name in ARRAYS]


def test_one_array_written_as_npz(tmp_path: Path) -> None:
    write_file(str(tmp_path / "one.npz"), np.eye(2))
    assert [item.member for item in read_file(str(tmp_path / "one.npz"))] == ["arr_0"]


def test_no_silent_overwrite(archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(OutputError, match=r"in\.npz: it exists; say `overwrite`"):
        write_archive(str(archive), {}, NPZ)
    assert archive.read_bytes() == before
