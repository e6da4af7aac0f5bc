"""Explaining what is stored: the same as in memory, and no more is read than is told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli import formats
from poolcli.analysis import plane
from poolcli.analysis.explain import explain
from poolcli.geometry import Sliding
from poolcli.ops import OPS
from poolcli.request import Request

X = np.random.default_rng(5).integers(0, 9, (2, 3, 70, 90)).astype(np.float32)


class Counting:
    """A stored array that counts the cells that are read."""

    sequential = False

    def __init__(self, stored: Any) -> None:
        self._stored, self.cells = stored, 0
        self.shape, self.dtype, self.axes = stored.shape, stored.dtype, stored.axes
        self.chunks, self.keep = stored.chunks, stored.keep

    def read_box(self, box: Any, out: Any) -> None:
        self.cells += out.size
        self._stored.read_box(box, out)

    def finish(self) -> None:
        raise AssertionError("finishing may read all of it")


def stored(path: Path, x: Any) -> Counting:
    np.save(path, x)
    (source,) = formats.open_file(str(path)).sources()
    return Counting(source.content)


@pytest.mark.parametrize("op", [*OPS])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_stored_plane_is_told_as_one_in_memory(
    op: str, order: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane, "SMALL_PLANE", 0)
    params = {"q": 0.3} if op == "quantile" else {}
    asked = Request(op, Sliding(3, 2), layout="NCHW", params=params)
    (expected,) = explain(asked, X)
    (told,) = explain(asked, stored(tmp_path / "x.npy", np.asarray(X, order=order)))
    assert isinstance(told.cells, plane.StoredCells)
    for at in ((0, 0), (7, 12), (told.shape[0] - 1, told.shape[1] - 1)):
        one, other = told.step(at), expected.step(at)
        assert (one.text, one.winner, one.cells) == (other.text, other.winner, other.cells)
        np.testing.assert_array_equal(one.values, other.values)
        assert told.cells[3, 5] == X[0, 0, 3, 5]
    np.testing.assert_array_equal(told.cells[2:5, 60:], X[0, 0, 2:5, 60:])


@pytest.mark.parametrize("op", ["max", "median", "stochastic", "avg"])
def test_of_a_large_plane_little_is_read(
    op: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane, "SMALL_PLANE", 0)
    x = np.ones((2000, 3000), np.float32)
    counted = stored(tmp_path / "x.npy", x)
    (told,) = explain(Request(op, Sliding(2)), counted)
    told.step((700, 900))
    assert counted.cells < x.size // 100


def test_tiles_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "SMALL_PLANE", 0)
    monkeypatch.setattr(plane, "MOST_TILES", 2)
    monkeypatch.setattr(plane, "TILE", 8)
    (told,) = explain(Request("max", Sliding(2)), stored(tmp_path / "x.npy", X[0, 0]))
    cells = told.cells
    assert isinstance(cells, plane.StoredCells)
    for at in ((0, 0), (60, 80), (30, 30), (0, 1), (69, 89)):
        assert cells[at] == X[0, 0][at]
    assert len(cells._tiles) == 2
