"""How sure winners are: the share of a window's cells that have the most frequent value."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli import OPS
from poolcli.errors import UsageError
from poolcli.geometry import Adaptive, Geometry, Global, Sliding
from poolcli.request import Request
from tests.helpers.every import every
from tests.helpers.inside import clean_surroundings, poolcli
from tests.helpers.program import Outcome

__all__ = ["clean_surroundings", "poolcli"]

Run = Callable[..., Outcome]
GEOMETRIES: tuple[Geometry, ...] = (
    Sliding(2),
    Sliding((3, 2), stride=1, padding=1),
    Sliding(3, stride=2, dilation=2, padding=2),
    Sliding(4, ceil_mode=True),
    Adaptive((3, 4)),
    Global(),
)
POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"nodata": 2},
    {"nodata": 2, "min_valid": 0.6},
    {"nan": "skip"},
)


def share(cells: list[float], planned: int, policy: dict[str, Any]) -> float:
    """Of one window, in fractions; ``planned`` cells are real."""
    skips = policy.get("nan") == "skip"
    missing = policy.get("nodata")
    counted = [c for c in cells if c != missing and not (skips and np.isnan(c))]
    if not counted or Fraction(len(counted), planned) < Fraction(str(policy.get("min_valid", 0))):
        return np.nan
    if any(np.isnan(c) for c in counted):
        return np.nan
    return float(np.float32(max(map(counted.count, counted)) / len(counted)))


def test_against_plain_loops() -> None:
    random = np.random.default_rng(8)

    def check(row: tuple[Geometry, dict[str, Any], str, str]) -> None:
        geometry, policy, dtype, layout = row
        shape = (9, 11, 2) if layout == "HWC" else (2, 9, 11)
        x = random.integers(0, 2 if dtype == "?" else 4, shape).astype(dtype)
        if x.dtype.kind == "f":
            x[random.random(shape) < 0.1] = np.nan
            x[random.random(shape) < 0.1] = -0.0
        asked = Request("mode", geometry, layout=layout, **policy)
        found = (plan := asked.plan_alone(x.shape, x.dtype)).shares(x)
        assert found.dtype == np.float32
        planes = np.moveaxis(x, layout.index("C"), 0)
        results = np.moveaxis(found, layout.index("C"), 0)
        rows, columns = plan.windows
        for c, i, j in itertools.product(range(2), range(rows.out), range(columns.out)):
            places = list(itertools.product(rows.cells(i), columns.cells(j)))
            cells = [float(planes[c][place]) for place in places]
            np.testing.assert_equal(float(results[c, i, j]), share(cells, len(cells), policy))

    every(itertools.product(GEOMETRIES, POLICIES, ("u1", ">f4", "f8", "i8"), ("HWC", "CHW")), check)


def test_who_has_shares() -> None:
    assert [op.name for op in OPS.values() if op.share is not None] == ["mode"]
    plan = Request("max", Sliding(2)).plan_alone((4, 4), np.dtype("u1"))
    with pytest.raises(UsageError, match="max has no share: mode has one"):
        plan.shares(np.zeros((4, 4), "u1"))


def test_they_are_written_beside_the_result(poolcli: Run) -> None:
    x = np.array([[1, 1, 2, 3], [1, 4, 2, 2], [0, 0, 0, 5], [0, 7, 5, 5]], "u1")
    np.save("in.npy", x)
    outcome = poolcli("mode", "-k", 2, "in.npy", "-o", "out.npy", "--share", "sure.npy")
    assert outcome.code == 0
    assert outcome.err.endswith("(written to out.npy, shares to sure.npy)\n")
    np.testing.assert_array_equal(np.load("out.npy"), [[1, 2], [0, 5]])
    assert np.load("sure.npy").tolist() == [[0.75, 0.75], [0.75, 0.75]]
    run = ("mode", "-k", 2, "--nodata", 0, "in.npy", "--share", "sure.npy", "--overwrite", "--json")
    record = json.loads(poolcli(*run).out)
    assert record["share"] == {"written": "sure.npy"}
    assert record["values"] == [[1, 2], [7, 5]]
    assert np.load("sure.npy").tolist() == [[0.75, 0.75], [1, 1]]


def test_places_for_shares(poolcli: Run) -> None:
    Path("in").mkdir()
    for name in "ab":
        np.save(f"in/{name}.npy", np.eye(4))
    assert poolcli("mode", "-k", 2, "in", "-o", "out/", "--share", "sure/").code == 0
    assert np.load("sure/b.npy").tolist() == [[0.5, 1], [1, 0.5]]
    rows = (
        (("in/a.npy", "--share", "-"), "--share -: standard output is for results"),
        (("in/a.npy", "--share", "x.csv"), "shares are written as .npy; say --share FILE.npy"),
        (("in", "-o", "o/", "--share", "x.npy"), "one file for the shares of 2 inputs"),
        (("in/a.npy", "-o", "y.npy", "--share", "y.npy"), "y.npy"),
    )
    for arguments, message in rows:
        outcome = poolcli("mode", "-k", 2, *arguments)
        assert outcome.code == 2, arguments
        assert message in outcome.err
    assert poolcli("max", "-k", 2, "in/a.npy", "--share", "x.npy").code == 2
