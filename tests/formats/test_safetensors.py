"""The .safetensors door: what the library writes is read, and it reads what we write."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy as library
from safetensors import safe_open

from poolcli import pool
from poolcli.errors import InputError
from poolcli.formats.readers import read_file, read_stdin
from poolcli.formats.sinks import write_stream
from poolcli.ops import OPS
from tests.helpers.hostile.safetensors import entry, safetensors
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
RANDOM = np.random.default_rng(0)
DTYPES = ("?", "u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8")
ARRAYS = {
    **{f"of {np.dtype(name).name}": RANDOM.integers(0, 2, (3, 4)).astype(name) for name in DTYPES},
    "maps": RANDOM.normal(size=(2, 6, 8, 3)).astype("f4"),
    "layer.0/weight": np.arange(36.0).reshape(6, 6),
    "none": np.empty((0, 2), "f4"),
    "bias": np.arange(5, dtype="f4"),
}
METADATA = {"format": "pt", "made": "in a test"}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    library.save_file(ARRAYS, tmp_path / "in.safetensors", METADATA)
    return tmp_path / "in.safetensors"


def test_every_array(stored: Path) -> None:
    loaded = {item.member: item for item in read_file(str(stored))}
    assert set(loaded) == set(ARRAYS)
    for name, array in ARRAYS.items():
        item = loaded[name]
        assert (item.kind, item.format, item.layout) == ("safetensors", ".safetensors", None)
        assert (item.label, item.chunks) == (f"{stored}:{name}", None)
        assert item.array.dtype == array.dtype
        np.testing.assert_array_equal(item.array, array)


def test_from_a_pipe(stored: Path) -> None:
    with stored.open("rb") as file:
        loaded = {str(item.member): item.array for item in read_stdin(file)}
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.parametrize("name", ["maps", "layer.0/weight"])
def test_one_array_by_name(name: str, stored: Path) -> None:
    (loaded,) = read_file(f"{stored}:{name}")
    np.testing.assert_array_equal(loaded.array, ARRAYS[name])


def test_an_unknown_name_lists_the_known(stored: Path) -> None:
    with pytest.raises(InputError, match=r"tensors:x: it has no array of this name; it has .*maps"):
        list(read_file(f"{stored}:x"))


def test_types_that_numpy_has_not_keep_nothing_back(poolcli: Run, tmp_path: Path) -> None:
    header = {"a": entry(0, 8, dtype="BF16"), "b": entry(8, 24)}
    Path("in.safetensors").write_bytes(safetensors(header, b"\0" * 24))
    outcome = poolcli("max", "-k", 2, "in.safetensors", "-o", "out.safetensors")
    assert outcome.code == 1
    assert "in.safetensors:a: it holds bfloat16, which NumPy has not; save" in outcome.err
    assert set(library.load_file("out.safetensors")) == {"b"}


def test_the_library_reads_results_with_their_metadata(poolcli: Run, stored: Path) -> None:
    wanted = ("--arrays", "maps", "--arrays", "layer*", "--arrays", "of *")
    outcome = poolcli("max", "-k", 2, str(stored), "-o", "out.safetensors", *wanted)
    assert outcome.code == 0, outcome.err
    found = library.load_file("out.safetensors")
    assert set(found) == set(ARRAYS) - {"none", "bias"}
    for name, result in found.items():
        expected = pool(ARRAYS[name], "max", 2)
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)
    with safe_open("out.safetensors", "numpy") as file:
        assert file.metadata() == METADATA


@pytest.mark.parametrize("order", ["<", ">"])
def test_from_other_formats(poolcli: Run, order: str) -> None:
    maps = ARRAYS["maps"].astype(f"{order}f4")
    np.savez("in.npz", maps=maps, number=np.float16(3), bias=ARRAYS["bias"])
    assert poolcli("avg", "-k", 2, "in.npz", "-o", "out.safetensors").code == 0
    found = library.load_file("out.safetensors")
    np.testing.assert_array_equal(found["maps"], pool(ARRAYS["maps"], "avg", 2))
    np.testing.assert_array_equal(found["bias"], ARRAYS["bias"])
    assert (found["number"].shape, found["number"].dtype) == ((), np.float16)
    np.save("in.npy", maps)
    assert poolcli("avg", "-k", 2, "in.npy", "-o", "one.safetensors").code == 0
    np.testing.assert_array_equal(library.load_file("one.safetensors")["arr_0"], found["maps"])


def test_one_array_to_a_file_of_one(poolcli: Run, stored: Path) -> None:
    assert poolcli("max", "-k", 2, f"{stored}:maps", "-o", "out.npy").code == 0
    np.testing.assert_array_equal(np.load("out.npy"), pool(ARRAYS["maps"], "max", 2))


def test_an_array_on_a_stream(tmp_path: Path) -> None:
    with (tmp_path / "a.safetensors").open("wb") as stream:
        write_stream(stream, ARRAYS["maps"][::2].T, format=".safetensors")
    found = library.load_file(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(found["arr_0"], ARRAYS["maps"][::2].T)


def test_what_it_cannot_hold_is_refused(poolcli: Run) -> None:
    np.savez("in.npz", m=np.eye(4), a=np.longdouble(1))
    outcome = poolcli("max", "-k", 2, "in.npz", "-o", "out.safetensors")
    assert outcome.code == 1
    assert "out.safetensors: safetensors holds no float128 (a); write .npz" in outcome.err
    assert os.listdir() == ["in.npz"]


def test_in_a_file_and_through_a_pipe_the_same_bytes(poolcli: Run, stored: Path) -> None:
    """Written block by block where all arrays are known before, and else gathered."""
    wanted = ("--arrays", "maps", "--arrays", "of *", "--arrays", "bias")
    run = ("avg", "-k", 2, *wanted, "-o")
    assert poolcli(*run, "file.safetensors", str(stored)).code == 0
    with stored.open("rb") as piped:
        assert poolcli(*run, "pipe.safetensors", "-", stdin=piped.read()).code == 0
    assert Path("file.safetensors").read_bytes() == Path("pipe.safetensors").read_bytes()


def test_what_fails_leaves_no_hole(poolcli: Run) -> None:
    arrays = {name: np.full((40, 50), name == "b", "f4") for name in "abc"}
    arrays["b"][3, 3] = np.nan
    arrays["bits"] = np.eye(6, dtype="u1")
    library.save_file(arrays, "in.safetensors")
    run = ("max", "-k", 2, "--nan", "error", "in.safetensors", "-o", "out.safetensors")
    outcome = poolcli(*run)
    assert outcome.code == 1
    assert "in.safetensors:b: NaN at height 3, width 3" in outcome.err
    found = library.load_file("out.safetensors")
    assert set(found) == {"a", "c", "bits"}
    np.testing.assert_array_equal(found["bits"], pool(arrays["bits"], "max", 2))
    assert set(os.listdir()) == {"in.safetensors", "out.safetensors"}
    outcome = poolcli(*run[:5], "in.safetensors:b", "-o", "none.safetensors")
    assert outcome.code == 1
    assert not Path("none.safetensors").exists()


@pytest.mark.parametrize("op", OPS)
def test_block_by_block_is_as_in_memory(
    poolcli: Run, op: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps = RANDOM.random((3, 45, 38)).astype("f4")
    library.save_file({"maps": maps}, "in.safetensors")
    monkeypatch.setattr("poolcli.engine.arrays.StoredInputView.block_bytes", 1 << 10)
    wide = ("-k", 3, "-s", 2, "-p", 1, "-l", "CHW", "--threads", 2)
    assert poolcli(op, *wide, "in.safetensors", "-o", "out.safetensors").code == 0
    expected = pool(maps, op, 3, stride=2, padding=1, layout="CHW")
    assert library.load_file("out.safetensors")["maps"].tobytes() == expected.tobytes()


@pytest.mark.parametrize("data", [b"\x80\x02}q\0.", b"\x80\x04\x95"])
def test_a_pickle_names_safetensors(data: bytes, poolcli: Run) -> None:
    Path("model.pt").write_bytes(data)
    outcome = poolcli("max", "-k", 2, "model.pt")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: model.pt: it is a Python pickle, which may run code;")
    assert "safetensors.torch.save_file" in outcome.err


def test_a_torch_file_names_safetensors(poolcli: Run) -> None:
    import zipfile

    with zipfile.ZipFile("model.pt", "w") as file:
        file.writestr("model/data.pkl", b"\x80\x02}q\0.")
        file.writestr("model/data/0", b"\0" * 16)
    outcome = poolcli("max", "-k", 2, "model.pt")
    assert outcome.code == 1
    assert outcome.err == (
        "poolcli: model.pt: it is a torch file, a pickle, which may run code; save its tensors with"
        " safetensors.torch.save_file first\n"
    )


def test_info(poolcli: Run, stored: Path) -> None:
    import json

    outcome = poolcli("info", "--json", f"{stored}:maps")
    record: dict[str, Any] = json.loads(outcome.out)
    assert (record["kind"], record["shape"], record["dtype"]) == (
        "safetensors",
        [2, 6, 8, 3],
        "float32",
    )
