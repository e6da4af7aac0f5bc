"""Very many small pictures; ``make campaign`` does the same with 10,000 and prints the figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.many import make, run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems count otherwise")
MOST_KIB = 8 * 1024  # for ten times as many files


def test_memory_is_flat_progress_right_and_a_second_run_rewrites_nothing(tmp_path: Path) -> None:
    peaks = []
    for count in (30, 300):
        folder = tmp_path / str(count)
        make(folder / "in", count)
        figures = run(folder)
        assert figures.code == 0
        assert len(os.listdir(folder / "out")) == count + 1
        peaks.append(figures.peak)
        done = [done for done, _ in figures.counts]
        assert {total for _, total in figures.counts} == {count}
        assert all(before <= after for before, after in pairwise(done))
        assert done[-1] == count
        assert f"{count} done in " in figures.summary
    assert peaks[1] - peaks[0] < MOST_KIB

    def written() -> dict[str, int]:
        return {entry.name: entry.stat().st_mtime_ns for entry in os.scandir(folder / "out")}

    before = written()
    again = run(folder, "--resume")
    assert (again.code, again.summary) == (0, "poolcli: 0 done, 300 skipped")
    assert written() == before


def photographs(folder: Path) -> None:
    from PIL import Image

    folder.mkdir()
    for number in range(16):
        Image.new("RGB", (2000, 1000), (number, 2, 3)).save(folder / f"{number}.bmp")


def numbers(folder: Path) -> None:
    folder.mkdir()
    for number in range(8):
        np.save(folder / f"{number}.npy", np.full((1500, 1500), number / 8))


@pytest.mark.parametrize(
    ("fill", "options"),
    [(photographs, ()), (photographs, ("--linear",)), (numbers, ("--to", "tif", "-s", "1"))],
)
def test_jobs_at_once_stay_within_the_memory_they_share(
    fill: Callable[[Path], None], options: tuple[str, ...], tmp_path: Path
) -> None:
    """Any of them takes 20 to 70 MB, and all of them at once several times the limit."""
    fill(tmp_path / "in")
    figures = run(tmp_path, "-j", "16", "--max-memory", "140M", *options)
    assert figures.code == 0
    assert figures.peak < 180 * 1024
