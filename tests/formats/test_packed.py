"""Arrays inside an .npz are pooled while they are unpacked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from poolcli.errors import InputError
from poolcli.formats import doors, npz
from poolcli.formats.doors import read_file
from poolcli.plan import Request
from poolcli.windows import Adaptive, Global, Sliding


@pytest.fixture(autouse=True)
def everything_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doors, "_STREAMED", 0)


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
@pytest.mark.parametrize("kept", [npz.KEPT, 64])
def test_the_same_as_in_memory(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int, ...],
    layout: str,
    order: str,
    geometry: Sliding | Global | Adaptive,
    kept: int,
) -> None:
    monkeypatch.setattr(npz, "KEPT", kept)  # a small one goes back to the start often
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    array = np.asarray(array, order=order)  # type: ignore[call-overload]
    (loaded,) = read_file(archive(tmp_path, array))
    assert isinstance(loaded.content, npz.PackedNpy)
    plan = Request("avg", geometry, layout=layout, threads=4).plan(array.shape, array.dtype)
    expected = plan.run(array).tobytes()
    for block_bytes in (200, 10_000, None):
        assert plan.run(loaded.content, block_bytes=block_bytes).tobytes() == expected
    assert loaded.array.tobytes() == array.tobytes()


@pytest.mark.parametrize("spared", [npz.SPARED, 1 << 60])
def test_what_is_not_read_in_its_order_is_unpacked_once_where_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spared: int
) -> None:
    monkeypatch.setattr(npz, "KEPT", 64)
    monkeypatch.setattr(npz, "SPARED", spared)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = np.random.default_rng(0).normal(size=(300, 200))
    (loaded,) = read_file(archive(tmp_path, array))
    assert isinstance(loaded.content, npz.PackedNpy)
    begun = []
    open_member = ZipFile.open
    monkeypatch.setattr(
        ZipFile, "open", lambda self, info: begun.append(info) or open_member(self, info)
    )
    tile = np.empty((300, 10))
    for _ in range(2):
        for first in range(0, 200, 10):
            loaded.content.read_box(((0, 300), (first, first + 10)), tile)
            np.testing.assert_array_equal(tile, array[:, first : first + 10])
        loaded.content.finish()
    # For the first tile, and for all others.
    assert len(begun) == (2 if spared < 1 << 60 else 40)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_damage_shows_before_the_end(tmp_path: Path) -> None:
    path = archive(tmp_path, np.arange(4000.0).reshape(40, 100))
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 0x55
    Path(path).write_bytes(data)
    (loaded,) = read_file(path)
    plan = Request("max", Sliding(39)).plan(loaded.shape, loaded.content.dtype)
    with pytest.raises(InputError, match="damaged"):
        plan.run(loaded.content)


def test_a_row_that_no_window_needs_is_checked_too(tmp_path: Path) -> None:
    array = np.zeros((3, 4))
    path = tmp_path / "stored.npz"
    np.savez(path, a=array)
    data = path.read_bytes()
    at = data.rindex(bytes(array.nbytes)) + array.nbytes - 8
    path.write_bytes(data[:at] + b"\1" + data[at + 1 :])
    with pytest.raises(InputError, match="CRC"):  # noqa: PT012 - small ones show it when opened
        (loaded,) = read_file(str(path))
        plan = Request("max", Sliding(2)).plan(loaded.shape, loaded.content.dtype)
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
