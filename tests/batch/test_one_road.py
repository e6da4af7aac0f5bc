"""One road: each input is opened once and planned once, whatever kind it is and however it goes."""

from __future__ import annotations

import collections
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli.formats import opening
from poolcli.request import Request
from tests.helpers.folders import save
from tests.helpers.program import PROJECT, Outcome

Run = Callable[..., Outcome]
SAMPLES = [path.name for path in (PROJECT / "sample_data").iterdir() if path.suffix not in {".md"}]
SAMPLES = sorted(name for name in SAMPLES if not name.endswith(".py"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """Count how often each input is opened."""
    counts: collections.Counter[str] = collections.Counter()

    class Counted(opening._InputFile):
        def __init__(self, path: str, *arguments: Any, **named: Any) -> None:
            counts[os.path.basename(path)] += 1
            super().__init__(path, *arguments, **named)

    monkeypatch.setattr(opening, "_InputFile", Counted)
    return counts


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Note the shapes that are planned for."""
    shapes: list[tuple[int, ...]] = []
    plan = Request.plan

    def noted(self: Request, shape: tuple[int, ...], *more: Any) -> Any:
        shapes.append(shape)
        return plan(self, shape, *more)

    monkeypatch.setattr(Request, "plan", noted)
    return shapes


@pytest.fixture
def samples() -> list[str]:
    os.mkdir("in")
    for name in SAMPLES:
        shutil.copy(PROJECT / "sample_data" / name, "in")
    return [f"in/{name}" for name in SAMPLES]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "output",
    [
        (),
        ("-o", "out/"),
        ("-o", "out/", "--name-template", "{n}.npz"),
        ("-o", "out/", "--resume"),
        ("-o", "out/", "--dry-run"),
    ],
)
def test_each_sample_is_opened_once_and_planned_once(
    poolcli: Run,
    samples: list[str],
    opened: collections.Counter[str],
    planned: list[tuple[int, ...]],
    jobs: int,
    output: tuple[str, ...],
) -> None:
    outcome = poolcli("max", "-k", 2, *samples, *output, "-j", jobs)
    assert outcome.code == 0, outcome.err
    assert opened == collections.Counter(SAMPLES)
    with np.load("in/features_nhwc.npz") as archive:
        arrays = len(archive.files)
    assert len(planned) == len(SAMPLES) - 1 + arrays


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("a.npy", ()),
        ("a.npy", ("-o", "o.npy")),
        ("a.npy", ("-o", "o.npy", "--indices", "i.npy")),
        ("a.npy", ("-o", "o.csv")),
        ("a.npy", ("-o", "-")),
        ("a.npy", ("-o", "o.npy", "--dry-run")),
        ("a.npz", ("-o", "o.npz")),
        ("a.csv", ("-o", "o.npy")),
        ("a.png", ("-o", "o.png")),
        ("a.png", ("-o", "-")),
        ("a.png", ("-o", "o.png", "--dry-run")),
        ("a.tif", ("-o", "o.tif")),
        ("a.jpg", ("-o", "o.npy", "--indices", "i.npy")),
    ],
)
def test_every_road_opens_once(
    poolcli: Run,
    opened: collections.Counter[str],
    planned: list[tuple[int, ...]],
    name: str,
    output: tuple[str, ...],
) -> None:
    save(Path(name))
    outcome = poolcli("max", "-k", 2, name, *output)
    assert outcome.code == 0, outcome.err
    assert opened == {name: 1}
    assert len(planned) == len(set(planned))  # each array of an archive by itself


def test_nothing_is_decoded_that_is_refused_by_its_header(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(Path("a.png"), side=16)

    def decoded(*_: object) -> None:
        raise AssertionError("the pixels were decoded")

    monkeypatch.setattr("poolcli.formats.image.PictureFile.decode", decoded)
    outcome = poolcli("max", "-k", 20, "a.png")
    assert outcome.code == 1
    assert "a.png: height: effective kernel 20 exceeds input 16" in outcome.err


def test_a_header_that_says_otherwise_than_the_values_is_refused(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(Path("a.png"), side=16)
    from poolcli.formats.image import Header, PictureFile

    wrong = Header((16, 15, 3), np.dtype("u1"), "HWC")
    monkeypatch.setattr(PictureFile, "header", lambda _: wrong)
    outcome = poolcli("max", "-k", 2, "a.png", "-o", "out.png")
    assert outcome.code == 1
    assert "a.png: its header says 16x15x3 uint8, and it holds 16x16x3 uint8" in outcome.err
    assert not Path("out.png").exists()
