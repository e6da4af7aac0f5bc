"""Large arrays inside an .npz are read in boxes, where they stand or once they are unpacked."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli.errors import InputError
from poolcli.formats import npz
from poolcli.formats.npy import StoredNpy
from poolcli.formats.readers import read_file
from poolcli.formats.settings import Reading
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.request import Request


@pytest.fixture(autouse=True)
def everything_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "STREAMED", 0)


def archive(folder: Path, array: np.ndarray) -> str:
    path = folder / "a.npz"
    np.savez_compressed(path, a=array)
    return str(path)


CASES = [
    ((40, 30), "HW", "C"),
    ((40, 30), "HW", "F"),
    ((5, 40, 30), "CHW", "C"),
    ((5, 40, 30), "HWC", "F"),
    ((2, 3, 17, 11), "NCHW", "C"),
    ((500,), "W", "C"),
]


@pytest.mark.parametrize(("shape", "layout", "order"), CASES)
@pytest.mark.parametrize("geometry", [Sliding(2), Sliding(3, 1, 1), Global(), Adaptive(4)])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_same_as_in_memory(
    tmp_path: Path,
    shape: tuple[int, ...],
    layout: str,
    order: str,
    geometry: Sliding | Global | Adaptive,
    save: Callable[..., None],
) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    array = np.asarray(array, order=order)  # type: ignore[call-overload]
    save(tmp_path / "b.npz", other=np.ones(3), a=array)
    (loaded,) = read_file(str(tmp_path / "b.npz:a"))
    assert isinstance(loaded.content, StoredNpy)
    plan = Request("avg", geometry, layout=layout, threads=4).plan(array.shape, array.dtype)
    expected = plan.run(array).tobytes()
    for block_bytes in (200, 10_000, None):
        assert plan.run(loaded.content, block_bytes=block_bytes).tobytes() == expected
    assert loaded.array.tobytes() == array.tobytes()


@pytest.mark.parametrize("spared", [npz.SPARED, 1 << 60])
def test_what_is_compressed_is_unpacked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spared: int
) -> None:
    """Into a file without a name, or into memory where its disk has no room."""
    monkeypatch.setattr(npz, "SPARED", spared)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = np.random.default_rng(0).normal(size=(300, 200))
    (loaded,) = read_file(archive(tmp_path, array))
    assert isinstance(loaded.content, StoredNpy) == (spared < 1 << 60)
    plan = Request("max", Sliding(10)).plan(array.shape, array.dtype)
    for _ in range(2):
        assert plan.run(loaded.content, block_bytes=999).tobytes() == plan.run(array).tobytes()
    assert os.listdir(tmp_path) == ["a.npz"]


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_take_no_memory(tmp_path: Path, save: Callable[..., None]) -> None:
    """One of 8 MB is pooled with 1 MB allowed: it is read in boxes."""
    save(tmp_path / "a.npz", a=np.zeros((1000, 1000)))
    settings = Reading(max_bytes=1 << 20)
    (loaded,) = read_file(str(tmp_path / "a.npz"), settings)
    assert loaded.chunks is None
    with pytest.raises(InputError, match=r"a\.npz:a: it needs 7\.6 MiB of memory"):
        _ = loaded.array
    plan = Request("max", Sliding(2)).plan(loaded.shape, loaded.dtype)
    assert not plan.run(loaded.content).any()


def test_damage_shows_before_the_end(tmp_path: Path) -> None:
    path = archive(tmp_path, np.arange(4000.0).reshape(40, 100))
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 0x55
    Path(path).write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        next(read_file(path))


def test_a_row_that_no_window_needs_is_checked_too(tmp_path: Path) -> None:
    array = np.zeros((3, 4))
    path = tmp_path / "stored.npz"
    np.savez(path, a=array)
    data = path.read_bytes()
    at = data.rindex(bytes(array.nbytes)) + array.nbytes - 8
    path.write_bytes(data[:at] + b"\1" + data[at + 1 :])
    with pytest.raises(InputError, match="CRC"):  # noqa: PT012 - small ones show it when opened
        (loaded,) = read_file(str(path))
        plan = Request("max", Sliding(2)).plan(loaded.shape, loaded.dtype)
        plan.run(loaded.content)


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    path = archive(tmp_path, np.ones((10, 10)))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(20):
        (loaded,) = read_file(path)
        loaded.array.sum()
        del loaded
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after <= before + 1
