"""Pictures of one bit: means of black and white are greys, and white is no 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pictured import Run, done, opened, pixels
from PIL import Image

BITS = np.indices((4, 6)).sum(0) % 3 == 0
MEANS = [[64, 128, 64], [128, 64, 64]]


@pytest.fixture(autouse=True)
def picture(tmp_path: Path, clean_surroundings: None) -> None:
    for extension in ("png", "tif", "bmp", "pbm"):
        Image.fromarray(BITS).save(tmp_path / f"a.{extension}")


@pytest.mark.parametrize(
    ("options", "name", "mode", "expected"),
    [
        (["avg"], "b.png", "L", MEANS),
        (["avg"], "b.tif", "L", MEANS),
        (["avg"], "b.bmp", "L", MEANS),
        (["avg"], "b.pgm", "L", MEANS),
        (["avg", "--dtype", "uint8"], "b.png", "L", MEANS),
        (["avg", "--dtype", "bool"], "b.png", "1", [[0, 0, 0], [0, 0, 0]]),
        (["avg"], "b.pbm", "1", [[0, 0, 0], [0, 0, 0]]),
        (["avg", "--linear"], "b.png", "L", [[137, 188, 137], [188, 137, 137]]),
        (["max"], "b.png", "1", [[1, 1, 1], [1, 1, 1]]),
        (["max"], "b.jpg", "L", [[255, 255, 255], [255, 255, 255]]),
        (["max", "--dtype", "uint8"], "b.png", "L", [[255, 255, 255], [255, 255, 255]]),
        (["min", "--dtype", "uint8"], "b.png", "L", [[0, 0, 0], [0, 0, 0]]),
        (["max", "--dtype", "uint16"], "b.png", "I;16", [[65535] * 3] * 2),
        (["median", "--method", "higher"], "b.png", "1", [[0, 1, 0], [1, 0, 0]]),
        (["median"], "b.png", "L", [[0, 128, 0], [128, 0, 0]]),
    ],
)
@pytest.mark.parametrize("source", ["a.png", "a.tif", "a.pbm"])
def test_what_comes_out(
    tmp_path: Path, poolcli: Run, source: str, options: list[str], name: str, mode: str,
    expected: list[list[int]],
) -> None:  # fmt: skip
    done(poolcli(options[0], "-k", "2", *options[1:], source, "-o", name))
    assert opened(tmp_path / name).mode == mode
    assert pixels(tmp_path / name).astype(int).tolist() == expected


@pytest.mark.parametrize("chain", ["avg 2", "max 1 | avg 2"])
def test_chains(tmp_path: Path, poolcli: Run, chain: str) -> None:
    done(poolcli("chain", chain, "a.png", "-o", "b.png"))
    assert pixels(tmp_path / "b.png").tolist() == MEANS


def test_numbers_stay_numbers(tmp_path: Path, poolcli: Run) -> None:
    """As an array, a mean of bits is a share."""
    outcome = done(poolcli("avg", "-k", "2", "a.png", "-q"))
    assert outcome.out.splitlines()[1:] == [b"0.25 0.5 0.25", b"0.5 0.25 0.25"]
    done(poolcli("avg", "-k", "2", "a.png", "-o", "b.npy"))
    assert np.load(tmp_path / "b.npy").tolist() == [[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]


def test_a_folder_and_what_is_planned(tmp_path: Path, poolcli: Run) -> None:
    plan = done(poolcli("avg", "-k", "2", "a.png", "a.pbm", "-o", "small/", "--dry-run"))
    assert b"2x3 uint8" in plan.out.splitlines()[0]
    assert b"2x3 bool" in plan.out.splitlines()[1]
    done(poolcli("avg", "-k", "2", "a.png", "a.pbm", "-o", "small/"))
    assert pixels(tmp_path / "small" / "a.png").tolist() == MEANS
    assert opened(tmp_path / "small" / "a.pbm").mode == "1"
    done(poolcli("avg", "-k", "2", "a.png", "--nodata", "0", "-o", "c.png"))
    assert pixels(tmp_path / "c.png").all()
