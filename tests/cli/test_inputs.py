"""What can be pooled, and what a bad input does to the others."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from poolcli.formats.npy_header import header_bytes
from tests.helpers.program import Outcome, npy_bytes

Run = Callable[..., Outcome]
POOLED = [[6, 4], [4, 4]]


def numbers(outcome: Outcome) -> list[list[float]]:
    """Read plain output the way a script would."""
    return np.loadtxt(io.BytesIO(outcome.out), ndmin=2).tolist()


def test_a_named_file(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "--size", 2, "--stride", 2, "x.npy")
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.text.endswith("\n6 4\n4 4\n")
    assert numbers(outcome) == POOLED


@pytest.mark.parametrize(
    "arguments",
    [
        ["max", "x.npy", "-k", "2", "-s", "2"],
        ["max", "-k2", "x.npy", "-s2"],
        ["max", "--size=2", "--stride=2x2", "--", "x.npy"],
        ["max", "--padding", "0:0,0:0", "x.npy", "--size", "2x2"],
        ["max", "-p", "valid", "-d", "1", "-k", "2", "x.npy"],
    ],
)
def test_options_and_inputs_come_in_any_order(
    poolcli: Run, matrix: Path, arguments: list[str]
) -> None:
    outcome = poolcli(*arguments)
    assert (outcome.code, numbers(outcome)) == (0, POOLED)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("min -k 2", [[1, 1], [1, 0]]),
        ("sum -k 2", [[15, 9], [9, 8]]),
        ("avg -k 2", [[3.75, 2.25], [2.25, 2.0]]),
        ("mean -k 2 --divisor 3", [[5, 3], [3, 8 / 3]]),
        ("avg -k 3 -s 3 -p 1:1,1:1", [[15 / 4, 9 / 4], [9 / 4, 2.0]]),
        ("avg -k 3 -s 3 -p 1 --count-include-pad", [[15 / 9, 1.0], [1.0, 8 / 9]]),
        ("max -k 3", [[6]]),
        ("max -k 3 --ceil", [[6, 4], [3, 4]]),
        ("max -k 2 -d 3 -s 1", [[4]]),
        ("max -k 3 -s 2 -p same", [[6, 4], [4, 4]]),
        ("max -k 3 -s 2 -p same-lower", [[6, 6], [6, 6]]),
        ("global sum", [[41]]),
        ("global max --keepdims", [[6]]),
    ],
)
def test_options_reach_the_windows(
    poolcli: Run, matrix: Path, arguments: str, expected: object
) -> None:
    outcome = poolcli(*arguments.split(), matrix)
    assert outcome.code == 0, outcome.err
    np.testing.assert_allclose(numbers(outcome), expected, rtol=1e-15)


def test_values_that_are_missing(poolcli: Run) -> None:
    typed = "nan 1; -9 3"
    outcome = poolcli("sum", "-k", 2, "--nan", "skip", "--nodata", -9, "--matrix", typed)
    assert numbers(outcome) == [[4]]
    outcome = poolcli("sum", "-k", 2, "--nan", "error", "--matrix", typed)
    assert (outcome.code, outcome.out) == (1, b"")
    assert "NaN" in outcome.err


def test_a_typed_matrix(poolcli: Run) -> None:
    assert numbers(poolcli("max", "-k", 2, "--matrix", "-1 -3; -5 -6")) == [[-1]]


def test_matrices_and_files_together(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, "x.npy", "--matrix", "1 2; 3 7", "--matrix", "1 2; 3 8")
    rows = [line for line in outcome.text.splitlines() if not line.startswith("#")]
    assert sorted(rows) == ["4 4", "6 4", "7", "8"]


def test_arrays_in_a_row_on_standard_input(poolcli: Run) -> None:
    stream = npy_bytes(np.eye(2)) + npy_bytes(np.full((4, 4), 3))
    outcome = poolcli("max", "-k", 2, "-", stdin=stream)
    rows = [line for line in outcome.text.splitlines() if not line.startswith("#")]
    assert rows == ["1.0", "3 3", "3 3"]


def test_text_on_standard_input(poolcli: Run) -> None:
    outcome = poolcli("max", "-k", 2, "-", stdin=b"1 3 2 4\n5 6 1 2\n")
    assert numbers(outcome) == [[6, 4]]


def test_plain_output_is_input_again(poolcli: Run, matrix: Path) -> None:
    once = poolcli("max", "-k", 2, matrix)
    assert numbers(poolcli("min", "-k", 2, "-", stdin=once.out)) == [[4]]


def test_members_of_an_archive(poolcli: Run) -> None:
    np.savez("maps.npz", a=np.eye(2), b=np.full((2, 2), 7))
    both = poolcli("max", "-k", 2, "maps.npz")
    assert "maps.npz:a" in both.text
    assert "maps.npz:b" in both.text
    assert numbers(poolcli("max", "-k", 2, "maps.npz:b")) == [[7]]
    assert poolcli("max", "-k", 2, "maps.npz:c").code == 1


def test_a_bad_input_does_not_stop_the_others(poolcli: Run, matrix: Path) -> None:
    Path("bad.npy").write_bytes(b"\x93NUMPY")
    outcome = poolcli("max", "-k", 2, "missing.npy", "bad.npy", "x.npy")
    assert outcome.code == 1
    assert numbers(outcome) == POOLED
    lines = outcome.err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("poolcli: missing.npy: ")
    assert lines[1].startswith("poolcli: bad.npy: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("max -k 5 x.npy", "x.npy: height: effective kernel 5 exceeds input 4"),
        ("max -k 2x2x2 x.npy", "x.npy: size has 3 numbers, the array has 2 spatial axes"),
        ("max -k 2 -l NCHW x.npy", "x.npy: layout NCHW names 4 axes, the array has 2 axes: 4x4"),
        ("max -k 2 -p 2 -s 1 x.npy", "x.npy: height: window 0 of 7 would start at -2"),
    ],
)
def test_windows_that_do_not_fit(poolcli: Run, matrix: Path, arguments: str, said: str) -> None:
    code, out, err = poolcli(*arguments.split())
    assert (code, out) == (1, b"")
    assert err.startswith(f"poolcli: {said}")
    assert err.count("\n") == 1


def test_a_folder_gives_its_readable_files_in_order(poolcli: Run, matrix: Path) -> None:
    folder = Path("folder")
    (folder / "deeper").mkdir(parents=True)
    imageio.imwrite(folder / "b.png", np.zeros((4, 4), np.uint8))
    (folder / "a.npy").write_bytes(matrix.read_bytes())
    (folder / ".hidden.npy").write_bytes(matrix.read_bytes())
    (folder / "c.bin").write_bytes(b"\x00\x01\x02" * 100)
    (folder / "empty").write_bytes(b"")
    outcome = poolcli("max", "-k", 2, "folder")
    assert outcome.code == 0
    left_out, as_numbers = outcome.err.splitlines()
    assert left_out.startswith("poolcli: hint: folder: 1 sub-folder left out; -r ")
    assert as_numbers.startswith("poolcli: hint: folder/b.png: pictures are written as numbers; ")
    comments = [line for line in outcome.text.splitlines() if line.startswith("# folder")]
    assert [line.split()[1] for line in comments] == ["folder/a.npy", "folder/b.png"]


def test_a_folder_without_anything_to_pool(poolcli: Run, matrix: Path) -> None:
    Path("empty").mkdir()
    outcome = poolcli("max", "-k", 2, "empty", "x.npy")
    assert outcome.code == 1
    assert outcome.err == "poolcli: empty: no file in this folder can be pooled\n"
    assert numbers(outcome) == POOLED


def test_globs_that_the_shell_left_alone(poolcli: Run, matrix: Path) -> None:
    Path("[x].npy").write_bytes(matrix.read_bytes())
    assert poolcli("max", "-k", 2, "?.npy").text.startswith("# x.npy")
    assert poolcli("max", "-k", 2, "[x].npy").text.startswith("# [x].npy")
    outcome = poolcli("max", "-k", 2, "*.tif")
    assert outcome.code == 1
    assert outcome.err.startswith("poolcli: *.tif: ")


@pytest.mark.parametrize(
    "name", ["a b.npy", "-k.npy", "a\nb.npy", "ä→.npy", "\udcff.npy", "[b]x.npy"]
)
def test_odd_names(poolcli: Run, matrix: Path, name: str) -> None:
    Path(name).write_bytes(matrix.read_bytes())
    outcome = poolcli("max", "-k", 2, "-o", "out/", "--", name)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("\n") == 1
    assert np.load(Path("out") / name).tolist() == POOLED


def test_layouts_from_the_surroundings(poolcli: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save("maps.npy", np.zeros((2, 3, 8, 6), np.float32))
    np.save("plane.npy", np.zeros((8, 6), np.float32))
    imageio.imwrite("photo.png", np.zeros((8, 6, 3), np.uint8))
    monkeypatch.setenv("POOLCLI_LAYOUT", "CHW, nchw")
    outcome = poolcli("info", "maps.npy", "plane.npy", "photo.png")
    assert outcome.text.splitlines() == [
        "maps.npy: 2x3x8x6 NCHW float32 (npy)",
        "plane.npy: 8x6 HW float32 (npy)",
        "photo.png: 8x6x3 HWC uint8 (image)",
    ]
    outcome = poolcli("max", "-k", 2, "maps.npy", "--json")
    assert b'"layout": "NCHW"' in outcome.out
    outcome = poolcli("max", "-k", 2, "-l", "NHWC", "maps.npy", "--json")
    assert b'"layout": "NHWC"' in outcome.out


WARNED = (
    "poolcli: warning: {name}: 8x73x144 was read as HWC: 8x73 is pooled, and 144 does not look "
    "like channels; say --layout CHW to pool 73x144, or --layout HWC if this is right\n"
)


@pytest.mark.parametrize(
    "words",
    [
        *("max -k 2", "global avg", "adaptive max --output-size 4", "pyramid max --levels 1,2"),
        *("chain max;2", "max -k 2 --dry-run", "max -k 2 -o out.npy --overwrite", "info"),
    ],
)
@pytest.mark.parametrize("quiet", [[], ["-q"], ["--json"]])
def test_a_warning_of_a_stack_whatever_is_done(poolcli: Run, words: str, quiet: list[str]) -> None:
    if words == "info" and quiet == ["-q"]:
        return
    np.save("t2m.npy", np.zeros((8, 73, 144), np.float32))
    typed = [*(word.replace(";", " ") for word in words.split()), "t2m.npy", *quiet]
    done = poolcli(*typed)
    assert done.code == 0
    assert WARNED.format(name="t2m.npy") in done.err
    assert done.err.count("warning") == 1
    if quiet == ["--json"]:
        (said,) = json.loads(done.text)["warnings"]
        assert said == WARNED.format(name="t2m.npy")[len("poolcli: warning: t2m.npy: ") : -1]
    told = poolcli(*typed, "--layout", "HWC")
    assert (told.code, told.err.count("warning")) == (0, 0)


def test_a_warning_is_said_once_however_many_inputs_look_like_that(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.npy", "b.npy"):
        np.save(name, np.zeros((8, 73, 144), np.float32))
    assert poolcli("max", "-k", 2, "a.npy", "b.npy", "-q").err == WARNED.format(name="a.npy")
    for variable, value in (("POOLCLI_LAYOUT", "HWC"), ("POOLCLI_LIKE", "keras")):
        monkeypatch.setenv(variable, value)
        assert poolcli("max", "-k", 2, "a.npy", "b.npy", "-q").err == ""
        monkeypatch.delenv(variable)


def test_the_report_says_which_axes_were_pooled_where_there_are_others(poolcli: Run) -> None:
    np.save("x.npy", np.zeros((2, 6, 8, 3), np.float32))
    np.save("y.npy", np.zeros((6, 8), np.float32))
    for layout, pooled in (("NHWC", "HW"), ("DHWC", "DHW"), ("NCHW", "HW")):
        done = poolcli("max", "-k", 2, "x.npy", "--layout", layout, "--no-preview")
        assert f"  max 2x2{'x2' * (len(pooled) - 2)} stride 2 over {pooled}" in done.text
    assert " over " not in poolcli("max", "-k", 2, "y.npy", "--no-preview").text


def test_info_of_folders_and_lists(poolcli: Run, matrix: Path) -> None:
    Path("tree/below").mkdir(parents=True)
    for name in ("tree/a.npy", "tree/below/b.npy"):
        np.save(name, np.eye(3))
    Path("list.txt").write_text("x.npy\n")
    labels = ["tree/a.npy", "tree/below/b.npy", "x.npy"]
    told = poolcli("info", "-r", "tree", "--files-from", "list.txt")
    assert [line.partition(":")[0] for line in told.text.splitlines()] == labels


@pytest.mark.parametrize("command", ["info", "conform -k 1", "max -k 1", "max -k 1 --dry-run"])
def test_an_input_that_fails_has_an_object_too(poolcli: Run, matrix: Path, command: str) -> None:
    Path("empty.jpg").touch()
    outcome = poolcli(*command.split(), "empty.jpg", "--json")
    assert outcome.code == 1
    assert json.loads(outcome.text) == {
        "label": "empty.jpg",
        "error": "empty.jpg: it is empty",
        "code": "unreadable",
    }
    assert outcome.err == "poolcli: empty.jpg: it is empty\n"


def test_json_without_a_preview_has_no_values(poolcli: Run, matrix: Path) -> None:
    record = json.loads(poolcli("max", "-k", 2, "x.npy", "--json").text)
    assert record.pop("values") == [[6, 4], [4, 4]]
    assert json.loads(poolcli("max", "-k", 2, "x.npy", "--json", "--no-preview").text) == record


def test_info(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("info", "x.npy", "missing.npy", "--matrix", "1 2.5")
    assert outcome.code == 1
    assert "x.npy: 4x4 HW int64 (npy)\n" in outcome.text
    assert "1x2 HW float64 (text)\n" in outcome.text
    assert outcome.err.startswith("poolcli: missing.npy: ")
    Path("a\nb.npy").write_bytes(Path("x.npy").read_bytes())
    told = poolcli("info", "a\nb.npy")
    assert told.text.startswith("a\\nb.npy: ")
    assert json.loads(poolcli("info", "a\nb.npy", "--json").text)["label"] == "a\nb.npy"
    assert poolcli("info", "x.npy", "--json").text == (
        '{"label": "x.npy", "shape": [4, 4], "dtype": "int64", "layout": "HW", "kind": "npy", '
        '"warnings": []}\n'
    )


def test_info_reads_no_values(poolcli: Run) -> None:
    Path("huge.npy").write_bytes(header_bytes((1 << 20, 1 << 20), np.dtype("f8")))
    with open("huge.npy", "r+b") as file:
        file.truncate(file.seek(0, 2) + (1 << 43))  # of which the disk holds nothing
    told = poolcli("info", "huge.npy")
    assert told == (0, b"huge.npy: 1048576x1048576 HW float64 (npy)\n", "")


def test_parameters_of_an_op_are_options(poolcli: Run) -> None:
    typed = ("--matrix", "1 2; 3 10")
    assert numbers(poolcli("quantile", "-k", 2, "--q", 1, *typed)) == [[10]]
    assert numbers(poolcli("quantile", "-k", 2, "--q", 0, *typed)) == [[1]]
    assert numbers(poolcli("global", "lp", "--norm", 1, *typed)) == [[16]]
    refused = poolcli("quantile", "-k", 2, "--q", 2, *typed)
    assert (refused.code, refused.out) == (2, b"")
    assert refused.err.startswith("poolcli: ")
    assert "--method" in poolcli("quantile", "--help").text
    assert "--method" not in poolcli("max", "--help").text


@pytest.mark.parametrize("typed", ["1 3 5 6", "1; 3; 5; 6", "[[1, 3, 5, 6]]"])
def test_a_matrix_of_one_row_or_column_may_be_a_row(poolcli: Run, typed: str) -> None:
    outcome = poolcli("max", "-k", 2, "--matrix", typed, "--layout", "W")
    assert (outcome.code, outcome.text.splitlines()[1:]) == (0, ["# shape: 2", "3 6"])
    refused = poolcli("max", "-k", 2, "--matrix", "1 3 5 6")
    assert refused.code == 1
    assert refused.err.endswith("exceeds input 1; the size 1x2 slides along the rest\n")
    square = poolcli("max", "-k", 2, "--matrix", "1 3; 5 6", "--layout", "W")
    assert (square.code, square.out) == (1, b"")


def test_numbers_with_underscores_are_none(poolcli: Run) -> None:
    outcome = poolcli("max", "-k", 1, "--matrix", "1_000 1; 2 3")
    assert outcome.err.startswith("poolcli: --matrix: row 1, column 1: '1_000' is no number")
