"""``poolcli animate``: files that move, a page, and what is said of both."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

WRONG = [
    # arguments, what the line says
    ("max -k 2 x.npy", "animate needs a file to write: -o x.gif, -o x.png or -o x.html"),
    ("max -k 2 x.npy -o x.mp4", "x.mp4: extension '.mp4' is unknown; animate writes .gif .png"),
    ("max -k 2 x.npy -o gif", "gif: has no extension; animate writes .gif .png .html"),
    ("max -k 2 x.npy -o -", "-: has no extension"),
    ("max -k 2 x.npy -o x.npy/x.gif", "x.npy is there and no folder; name another folder"),
    ("max -k 2 x.npy -o dir.gif", "dir.gif: is a folder; name a file in it"),
    ("max -k 2 x.npy -o there.gif", "there.gif: exists; --overwrite replaces it"),
    ("max -k 2 x.npy -o there.html", "there.html: exists; --overwrite replaces it"),
    ("max -k 2 x.npy x.npy -o x.gif", "animate takes one input"),
    ("max -k 2 . -o x.gif", "animate takes one input"),
    ("max -k 2 -o x.gif", "no input: name a file"),
    ("max -o x.gif x.npy", "max needs a window size: --size 2"),
    ("max -k 2 x.npy -o x.gif --seconds 0", "seconds 0: use 0.1 to 60"),
    ("max -k 2 x.npy -o x.html --seconds 99", "seconds 99: use 0.1 to 60"),
    ("max -k 2 x.npy -o x.gif --seconds nan", "seconds nan"),
    ("max -k 2 x.npy -o x.gif --seconds soon", "--seconds"),
    ("max -k 2 x.npy -o x.gif --json", "No such option: --json"),
    ("maxx -k 2 x.npy -o x.gif", "no op 'maxx'; did you mean max?"),
    ("adaptive max --output-size 3 x.npy -o x.html", "a page slides windows of one size"),
    ("pyramid max --levels 1,2 x.npy -o x.html", "a page slides windows of one size"),
    ("max -k 2 -l DHW volume.npy -o x.html", "over one or two axes; write .gif or .png"),
    ("unpool x.npy -o x.gif --size 2", "unpool needs positions: --indices i.npy"),
]
BROKEN = [
    ("max -k 5 x.npy -o x.gif", "x.npy: height: effective kernel 5 exceeds input 4"),
    ("max -k 5 x.npy -o x.html", "x.npy: height: effective kernel 5 exceeds input 4"),
    ("max -k 2 missing.npy -o x.gif", "missing.npy: "),
    ("max -k 2 text.npy -o x.gif", "text.npy: "),
    ("max -k 2 two.npz -o x.gif", "two.npz: holds several arrays; name one: FILE.npz:name"),
    ("max -k 200 large.npy -o x.gif", "windows of 200×200 cells are more than a picture can show"),
    ("max -k 9 large.npy -o x.html", "exceeds input 8, in the 8x8 cells that a page shows"),
    ("stochastic -k 2 negative.npy -o x.gif", "negative activation"),
    ("stochastic -k 2 negative.npy -o x.html", "negative activation"),
    ("max -k 2 empty.npy -o x.gif", "the axis is empty"),
]


def frames(name: str) -> int:
    """Count the frames of a file."""
    with Image.open(name) as image:
        return int(image.n_frames)


@pytest.fixture(autouse=True)
def inputs(matrix: Path) -> None:
    np.save("volume.npy", np.ones((2, 4, 4)))
    np.save("large.npy", np.ones((400, 400)))
    np.save("negative.npy", -np.ones((4, 4)))
    np.save("empty.npy", np.ones((0, 4)))
    np.savez("two.npz", a=np.ones((4, 4)), b=np.ones((4, 4)))
    Path("text.npy").write_bytes(b"\x93NUMPY no")
    os.mkdir("dir.gif")
    for name in ("there.gif", "there.html"):
        Path(name).write_text("as it was")


@pytest.mark.parametrize(("arguments", "line"), WRONG)
def test_wrong_usage(poolcli: Run, arguments: str, line: str) -> None:
    refused(poolcli, arguments, line, 2)


@pytest.mark.parametrize(("arguments", "line"), BROKEN)
def test_what_cannot_be_shown(poolcli: Run, arguments: str, line: str) -> None:
    refused(poolcli, arguments, line, 1)


def refused(poolcli: Run, arguments: str, line: str, code: int) -> None:
    before = sorted(os.listdir())
    done = poolcli("animate", *arguments.split())
    assert done.code == code
    assert done.out == b""
    assert line in done.err
    assert done.err.count("\n") == 1
    assert sorted(os.listdir()) == before
    assert Path("there.gif").read_text() == "as it was"


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.html", "X.GIF"])
def test_files_are_written_and_nothing_is_said(poolcli: Run, name: str) -> None:
    done = poolcli("animate", "max", "--size", "2", "x.npy", "-o", name)
    assert (done.code, done.out, done.err) == (0, b"", "")
    content = Path(name).read_bytes()
    if name.lower().endswith("html"):
        assert content.startswith(b"<!doctype html>")
        assert "max 2×2 stride 2" in content.decode()
    else:
        assert frames(name) == 6
    again = poolcli("animate", "max", "--size", "2", "x.npy", "-o", name)
    assert again.code == 2
    replaced = poolcli("animate", "max", "--size", "2", "x.npy", "-o", name, "--overwrite")
    assert replaced.code == 0
    assert Path(name).read_bytes() == content


FAMILIES = [
    ("global avg x.npy", 3),
    ("adaptive max --output-size 3 x.npy", 11),
    ("fractional max --output-size 3 x.npy", 11),
    ("pyramid max --levels 1,2 x.npy", 7),
    ("max -k 2 -l DHW volume.npy", 6),
    ("avg -k 2 --nodata 4 --min-valid 0.5 x.npy", 6),
    ("stochastic -k 2 --seed 7 x.npy", 6),
    ("quantile -k 2 --q 0.25 x.npy", 6),
    ("max -k 3 -s 2 -l W --matrix 1,5,2,4,3,9,8", 5),
]


@pytest.mark.parametrize(("arguments", "count"), FAMILIES)
def test_every_family_of_windows(poolcli: Run, arguments: str, count: int) -> None:
    done = poolcli("animate", *arguments.split(), "-o", "x.gif")
    assert (done.code, done.err) == (0, "")
    assert frames("x.gif") == count


def test_unpool(poolcli: Run) -> None:
    poolcli("max", "-k", "2", "x.npy", "-o", "m.npy", "--indices", "i.npy", "-q")
    done = poolcli("animate", "unpool", "m.npy", "--indices", "i.npy", "-k", "2", "-o", "x.gif")
    assert (done.code, done.err) == (0, "")
    assert frames("x.gif") == 6


def test_small_arrays_beside_a_large_one_are_left_out(poolcli: Run) -> None:
    np.savez("layer.npz", weights=np.ones((4, 4)), bias=np.ones(4))
    done = poolcli("animate", "max", "-k", "2", "layer.npz", "-o", "x.gif")
    assert (done.code, frames("x.gif")) == (0, 6)
    named = poolcli("animate", "max", "-k", "2", "two.npz", "--arrays", "b", "-o", "y.gif")
    assert (named.code, frames("y.gif")) == (0, 6)


def test_standard_input_and_matrices(poolcli: Run) -> None:
    done = poolcli("animate", "max", "-k", "2", "-", "-o", "x.gif", stdin=b"1 3\n5 6\n")
    typed = poolcli("animate", "max", "-k", "2", "--matrix", "1 3; 5 6", "-o", "y.gif")
    assert (done.code, typed.code) == (0, 0)
    assert Path("x.gif").read_bytes() == Path("y.gif").read_bytes()


def test_what_is_shown_in_part_is_said(poolcli: Run) -> None:
    np.save("rgb.npy", np.zeros((96, 96, 3), np.uint8))
    done = poolcli("animate", "max", "-k", "2", "rgb.npy", "-o", "x.gif")
    assert done.err.splitlines() == [
        "poolcli: hint: rgb.npy: shown is the first of 3 channels",
        "poolcli: hint: rgb.npy: of 48x48 windows the first 4x4 are shown",
    ]
    done = poolcli("animate", "max", "-k", "2", "rgb.npy", "-o", "x.html")
    shown = "poolcli: hint: rgb.npy: of 96x96 cells a page shows the first 8x8"
    assert done.err.splitlines()[1] == shown
    quiet = poolcli("animate", "max", "-k", "2", "rgb.npy", "-o", "y.gif", "-q")
    assert quiet.err == ""


def test_a_doubtful_layout_is_warned_of_under_quiet_too(poolcli: Run) -> None:
    np.save("climate.npy", np.ones((8, 73, 144)))
    done = poolcli("animate", "max", "-k", "2", "climate.npy", "-o", "x.gif", "-q")
    assert done.code == 0
    assert done.err.startswith("poolcli: warning: climate.npy: ")
    assert done.err.count("\n") == 1


def test_seconds(poolcli: Run) -> None:
    poolcli("animate", "max", "-k", "2", "x.npy", "-o", "x.gif", "--seconds", "0.45")
    with Image.open("x.gif") as image:
        image.seek(1)
        assert image.info["duration"] == 450
    poolcli("animate", "max", "-k", "2", "x.npy", "-o", "x.html", "--seconds", "0.45")
    assert '"seconds":0.45' in Path("x.html").read_text("utf-8")


def test_help(poolcli: Run) -> None:
    assert "animate OP INPUT -o x.gif" in poolcli("--help").text.replace("\n" + " " * 14, " ")
    assert "adaptive" in poolcli("animate", "--help").text
    text = poolcli("animate", "max", "--help").text
    for option in ("--output", "--seconds", "--overwrite", "--size", "--layout", "--matrix"):
        assert option in text
