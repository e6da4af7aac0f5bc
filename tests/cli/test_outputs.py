"""Where results go and what is said about them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from tests.helpers.program import Outcome

Run = Callable[..., Outcome]
POOLED = [[6, 4], [4, 4]]


@pytest.fixture
def photo() -> Path:
    """Give a small colour picture, ``photo.png``."""
    y, x = np.mgrid[:6, :8]
    imageio.imwrite("photo.png", np.stack([x * 30, y * 40, x * y], axis=-1).astype(np.uint8))
    return Path("photo.png")


@pytest.mark.parametrize("name", ["out.npy", "out.NPY", "out.csv", "out.tsv", "out.txt"])
def test_a_file_by_its_extension(poolcli: Run, matrix: Path, name: str) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "-o", name)
    assert (outcome.code, outcome.out) == (0, b"")
    assert outcome.err.count("\n") == 1
    assert f"written to {name}" in outcome.err
    read_back = poolcli("info", name)
    assert read_back.text.startswith(f"{name}: 2x2 HW int64")


def test_quiet_says_nothing(poolcli: Run, matrix: Path) -> None:
    assert poolcli("max", "-k", 2, "x.npy", "-o", "out.npy", "-q") == (0, b"", "")


def test_a_picture_in_its_own_depth(poolcli: Run, photo: Path) -> None:
    assert poolcli("avg", "-k", 2, photo, "-o", "small.png").code == 0
    cells = imageio.imread(photo).astype(float).reshape(3, 2, 4, 2, 3)
    small = imageio.imread("small.png")
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, np.rint(cells.mean((1, 3))))


def test_a_picture_that_cannot_hold_the_sums(poolcli: Run, photo: Path) -> None:
    code, out, err = poolcli("sum", "-k", 2, photo, "-o", "small.png")
    assert (code, out) == (1, b"")
    assert err.startswith("poolcli: photo.png: ")
    assert "--clip" in err
    assert not Path("small.png").exists()
    assert poolcli("sum", "-k", 2, photo, "-o", "small.png", "--clip").code == 0
    cells = imageio.imread(photo).astype(int).reshape(3, 2, 4, 2, 3)
    np.testing.assert_array_equal(imageio.imread("small.png"), cells.sum((1, 3)).clip(0, 255))
    assert poolcli("sum", "-k", 2, photo, "-o", "small.npy").code == 0
    np.testing.assert_array_equal(np.load("small.npy"), cells.sum((1, 3)))


def test_a_type_asked_for_wins(poolcli: Run, photo: Path) -> None:
    assert poolcli("avg", "-k", 2, photo, "-o", "small.png", "--dtype", "uint16").code == 0
    assert imageio.imread(photo).max() < 256
    assert poolcli("info", "small.png").text.startswith("small.png: 3x4x3 HWC uint16")


def test_an_exact_type(poolcli: Run, matrix: Path) -> None:
    assert poolcli("max", "-k", 2, matrix, "--dtype", "uint8", "-o", "a.npy").code == 0
    assert np.load("a.npy").dtype == np.uint8
    refused = poolcli("avg", "-k", 2, matrix, "--dtype", "uint8", "-o", "b.npy")
    assert refused.code == 1
    assert not Path("b.npy").exists()
    assert poolcli("avg", "-k", 2, matrix, "--dtype", "uint8", "--clip", "-o", "b.npy").code == 0
    assert np.load("b.npy").tolist() == [[4, 2], [2, 2]]


def test_many_inputs_into_a_folder(poolcli: Run, matrix: Path, photo: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "photo.png", "-o", "out/")
    assert (outcome.code, outcome.out) == (0, b"")
    shown = [path.name for path in Path("out").iterdir() if path.name != ".poolcli"]
    assert sorted(shown) == ["photo.png", "x.npy"]
    assert np.load("out/x.npy").tolist() == POOLED
    assert poolcli("max", "-k", 2, "x.npy", "photo.png", "-o", "out").code == 2
    assert poolcli("max", "-k", 2, "x.npy", "photo.png", "-o", "out", "--overwrite").code == 0
    assert poolcli("max", "-k", 2, "x.npy", "photo.png", "-o", "out", "-f", "npy").code == 2
    assert poolcli("max", "-k", 2, "photo.png", "-o", "out", "-f", ".npy").code == 0
    assert np.load("out/photo.npy").shape == (3, 4, 3)


def test_a_folder_is_not_made_for_nothing(poolcli: Run) -> None:
    assert poolcli("max", "-k", 2, "missing.npy", "-o", "out/").code == 1
    assert not Path("out").exists()


def test_two_inputs_are_never_written_to_one_output(poolcli: Run, matrix: Path) -> None:
    Path("deep").mkdir()
    Path("deep/x.npy").write_bytes(matrix.read_bytes())
    code, _, err = poolcli("max", "-k", 2, "x.npy", "deep/x.npy", "-o", "out/")
    assert code == 2
    assert "would be written for both x.npy and deep/x.npy" in err
    assert not Path("out").exists()


def test_the_input_itself_is_replaced_only_when_told(poolcli: Run, matrix: Path) -> None:
    assert poolcli("max", "-k", 2, "x.npy", "-o", "x.npy").code == 2
    assert poolcli("max", "-k", 2, "x.npy", "-o", "x.npy", "--overwrite").code == 0
    assert np.load("x.npy").tolist() == POOLED


def test_an_archive_keeps_its_names(poolcli: Run) -> None:
    np.savez("maps.npz", a=np.eye(2), b=np.full((2, 2), 7))
    assert poolcli("max", "-k", 2, "maps.npz", "-o", "out.npz").code == 0
    with np.load("out.npz") as written:
        assert {name: written[name].tolist() for name in written} == {"a": [[1]], "b": [[7]]}
    refused = poolcli("max", "-k", 2, "maps.npz", "-o", "out.npy")
    assert refused.code == 1
    assert "several arrays" in refused.err
    assert not Path("out.npy").exists()


def test_json(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "missing.npy", "x.npy", "--json")
    assert outcome.code == 1
    records = [json.loads(line) for line in outcome.out.splitlines()]  # in the order of the ends
    (failed,) = [record for record in records if record["label"] == "missing.npy"]
    assert failed == {"label": "missing.npy", "error": "missing.npy: No such file or directory"}
    done = [record["values"] for record in records if record["label"] == "x.npy"]
    assert done == [POOLED, POOLED]
    written = json.loads(poolcli("max", "-k", 2, "x.npy", "--json", "-o", "out.npy").out)
    assert written["written"] == "out.npy"


def test_standard_output_as_npy(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "-o", "-")
    assert (outcome.code, outcome.err) == (0, "")
    assert np.load(io.BytesIO(outcome.out)).tolist() == POOLED


def test_several_arrays_in_a_row_on_standard_output(poolcli: Run, matrix: Path) -> None:
    stream = io.BytesIO(poolcli("max", "-k", 2, "x.npy", "x.npy", "-o", "-").out)
    assert [np.load(stream).tolist() for _ in range(2)] == [POOLED, POOLED]


def test_standard_output_in_another_format(poolcli: Run, photo: Path) -> None:
    outcome = poolcli("max", "-k", 2, photo, "-o", "-", "-f", "png")
    assert imageio.imread(outcome.out).shape == (3, 4, 3)
    outcome = poolcli("max", "-k", 2, "--matrix", "1 2; 3 4", "-o", "-", "-f", "csv")
    assert outcome.out == b"4\n"


def test_devices_are_written_without_being_replaced(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "-o", "/dev/null", "-f", "npy")
    assert (outcome.code, outcome.out) == (0, b"")


def test_an_output_that_cannot_be_written(poolcli: Run, matrix: Path) -> None:
    name = "y" * 300 + ".npy"
    code, out, err = poolcli("max", "-k", 2, "x.npy", "-o", name)
    assert (code, out) == (1, b"")
    assert err.count("\n") == 1
    assert sorted(path.name for path in matrix.parent.iterdir()) == ["x.npy"]


def test_without_preview_only_the_report_line(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "--no-preview")
    assert outcome.out.count(b"\n") == 1
    assert outcome.out.startswith(b"# x.npy")


def test_quiet_prints_results_and_nothing_else(poolcli: Run, matrix: Path) -> None:
    assert poolcli("max", "-k", 2, "-q", "x.npy") == (0, b"# shape: 2x2\n6 4\n4 4\n", "")
    assert poolcli("global", "max", "-q", "x.npy") == (0, b"6\n", "")
    record = poolcli("max", "-k", 2, "-q", "x.npy", "--json")
    assert record == poolcli("max", "-k", 2, "x.npy", "--json")
