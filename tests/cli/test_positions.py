"""Positions of winners: written, counted as asked, and read back by unpool."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli.ops import OPS
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

PICKERS = [op.name for op in OPS.values() if op.winner is not None]
PLACES = [[5, 3], [9, 15]]


def test_some_ops_pick_a_cell() -> None:
    assert {"max", "min"} <= set(PICKERS) < set(OPS)


@pytest.mark.parametrize("op", list(OPS))
@pytest.mark.parametrize(
    "family",
    ["-k 2", "global", "adaptive --output-size 2", "fractional --output-size 2 --seed 1"],
)
def test_who_has_positions_and_where_they_point(
    poolcli: Run, matrix: Path, family: str, op: str
) -> None:
    name, *options = family.split() if family[0] != "-" else ["", *family.split()]
    outcome = poolcli(*name.split(), op, *options, matrix, "--indices", "i.npy", "-o", "y.npy")
    if op not in PICKERS:
        assert (outcome.code, outcome.out) == (2, b"")
        assert "No such option: --indices" in outcome.err
        assert not Path("y.npy").exists()
        return
    assert outcome.code == 0, outcome.err
    where, pooled = np.load("i.npy"), np.load("y.npy")
    assert (where.dtype, where.shape) == (np.int64, pooled.shape)
    if op != "median":  # which may lie between two cells
        np.testing.assert_array_equal(np.load(matrix).reshape(-1)[where], pooled)


def test_pyramids_have_none(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("pyramid", "max", "--levels", 1, matrix, "--indices", "i.npy")
    assert "No such option: --indices" in outcome.err


@pytest.mark.parametrize(
    ("options", "convention", "expected"),
    [
        ("", "plane", [[[[2, 3]]]]),
        ("--index plane", "plane", [[[[2, 3]]]]),
        ("--index tensor", "tensor", [[[[4, 7]]]]),
        ("--index channels-last", "channels-last", [[[[4, 7]]]]),
        ("--like keras", "channels-last", [[[[4, 7]]]]),
        ("--like onnx --layout NHWC", "tensor", [[[[4, 7]]]]),
        ("--like onnx --layout NHWC --index plane", "plane", [[[[2, 3]]]]),
        ("--layout NCHW -k 1x2 --index plane", "plane", [[[[1], [3]], [[1], [3]]]]),
        ("--layout NCHW -k 1x2 --index tensor", "tensor", [[[[1], [3]], [[5], [7]]]]),
        ("--layout NCHW -k 1x2 --index channels-last", "channels-last", [[[[2], [6]], [[3], [7]]]]),
    ],
)
def test_conventions(poolcli: Run, options: str, convention: str, expected: object) -> None:
    np.save("x.npy", np.array([[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]]))
    if "-k" not in options:  # the last cell of one channel wins, and the one before of the other
        np.save("x.npy", np.array([[[[0, 1], [2, 3]], [[9, 5], [6, 9]]]]))
        options += " -k 2"
    outcome = poolcli("max", *options.split(), "x.npy", "--indices", "i.npy", "--json")
    assert outcome.code == 0, outcome.err
    assert np.load("i.npy").tolist() == expected
    assert json.loads(outcome.out)["indices"] == {"convention": convention, "written": "i.npy"}


def test_the_first_winner_and_the_first_nan(poolcli: Run) -> None:
    typed = ("--matrix", "3 7 nan 1; 7 0 nan 2")
    poolcli("max", "-k", 2, *typed, "--indices", "i.npy")
    assert np.load("i.npy").tolist() == [[1, 2]]
    poolcli("max", "-k", 2, *typed, "--nan", "skip", "--indices", "j.npy")
    assert np.load("j.npy").tolist() == [[1, 7]]


def test_many_inputs_into_a_folder(poolcli: Run, matrix: Path) -> None:
    np.savetxt("deep.csv", np.load(matrix), fmt="%d", delimiter=",")
    outcome = poolcli("max", "-k", 2, "x.npy", "deep.csv", "--indices", "places/", "-o", "out/")
    assert (outcome.code, outcome.out) == (0, b"")
    assert "(written to out/x.npy, plane indices to places/x.npy)" in outcome.err
    for name in ("x.npy", "deep.npy"):
        assert np.load(Path("places", name)).tolist() == PLACES
    assert sorted(path.name for path in Path("out").glob("[!.]*")) == ["deep.csv", "x.npy"]


def test_shown_results_can_have_positions(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, matrix, "--indices", "i.npy")
    assert "(plane indices to i.npy)" in outcome.text
    assert np.loadtxt(outcome.text.splitlines()).tolist() == [[6, 4], [4, 4]]


def test_positions_beside_standard_output(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("max", "-k", 2, matrix, "--indices", "i.npy", "-o", "-", "-f", "csv")
    assert (outcome.code, outcome.out, outcome.err) == (0, b"6,4\n4,4\n", "")
    assert np.load("i.npy").tolist() == PLACES


def test_an_archive_of_one_keeps_its_name(poolcli: Run, matrix: Path) -> None:
    np.savez("maps.npz", a=np.load(matrix), b=np.eye(2))
    options = ("-o", "y.npz", "--indices", "i.npy")
    assert poolcli("max", "-k", 2, "maps.npz:a", *options).code == 0
    with np.load("y.npz") as written:
        assert list(written) == ["a"]
    refused = poolcli("max", "-k", 2, "maps.npz", *options, "--overwrite")
    assert refused.code == 1
    assert refused.err == (
        "poolcli: maps.npz: holds several arrays and i.npy takes one; pool one of them\n"
    )


WRONG = [
    ("--index tensor", "--index says how positions count: it needs --indices"),
    ("--indices i.npy --index flat", "index 'flat': use plane, tensor, channels-last"),
    ("--indices i.csv", "i.csv: positions are written as .npy"),
    ("--indices i", "i: positions are written as .npy"),
    ("--indices -", "standard output is for results"),
    ("--indices there.npy", "there.npy: exists; --overwrite replaces it"),
    ("--indices x.npy", "x.npy: is the input itself; --overwrite replaces it"),
    (
        "--indices y.npy -o ./y.npy",
        "y.npy: would be written for both x.npy and the positions in x.npy",
    ),
    ("--indices out/ -o out/", "out/x.npy: would be written for both"),
    ("--indices there.npy/i.npy", "there.npy is there and no folder"),
    ("there.npy --indices i.npy", "one file for the positions of 2 inputs; name a folder"),
    (". --indices i.npy", "name a folder"),
    ("--matrix 1 --indices places/", "has no name to keep in places/; say --indices FILE"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_usage(poolcli: Run, matrix: Path, arguments: str, said: str) -> None:
    matrix.with_name("there.npy").write_bytes(matrix.read_bytes())
    before = {path: path.read_bytes() for path in matrix.parent.iterdir()}
    code, out, err = poolcli("max", "-k", 2, "x.npy", *arguments.split())
    assert (code, out) == (2, b"")
    assert said in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in matrix.parent.iterdir()} == before


def test_positions_are_replaced_only_when_told(poolcli: Run, matrix: Path) -> None:
    Path("i.npy").write_bytes(b"old")
    assert poolcli("max", "-k", 2, matrix, "--indices", "i.npy", "--overwrite").code == 0
    assert np.load("i.npy").tolist() == PLACES


def test_a_failing_input_leaves_no_positions(poolcli: Run) -> None:
    np.save("x.npy", np.array([[1.0, np.nan]]))
    assert poolcli("max", "-k", 1, "x.npy", "--nan", "error", "--indices", "i.npy").code == 1
    assert not Path("i.npy").exists()


@pytest.mark.parametrize(
    ("pooling", "unpooling"),
    [
        ("-k 2", "-k 2"),
        ("-k 2x1 --index tensor", "-k 2x1 --index tensor"),
        ("-k 3 -s 2 -p 1", "-k 3 -s 2 -p 1 --output-size 4"),
        ("-k 3 -s 1", "-k 3 -s 1"),
        ("-k 2 --like onnx", "-k 2 --like onnx"),
        ("-k 3 --like torch --ceil", "-k 3 --like torch --output-size 4"),
        ("-k 2 --like keras", "-k 2 --like keras"),
        ("-k 3 -s 1", "--output-size 4"),
    ],
)
def test_unpool_puts_every_value_back(
    poolcli: Run, matrix: Path, pooling: str, unpooling: str
) -> None:
    pooled = poolcli("max", *pooling.split(), matrix, "-o", "y.npy", "--indices", "i.npy")
    assert pooled.code == 0, pooled.err
    back = poolcli("unpool", "y.npy", "--indices", "i.npy", *unpooling.split(), "-o", "z.npy")
    assert back.code == 0, back.err
    source, unpooled = np.load(matrix), np.load("z.npy")
    assert unpooled.dtype == source.dtype
    kept = np.isin(np.arange(16).reshape(4, 4), np.load("i.npy"))
    np.testing.assert_array_equal(unpooled, np.where(kept, source, 0))


def test_unpool_of_a_picture_and_of_typed_numbers(poolcli: Run, matrix: Path) -> None:
    import imageio.v3 as imageio

    imageio.imwrite("photo.png", np.arange(96, dtype=np.uint8).reshape(4, 8, 3))
    poolcli("max", "-k", 2, "photo.png", "-o", "y.png", "--indices", "i.npy")
    outcome = poolcli("unpool", "y.png", "--indices", "i.npy", "-k", 2, "-o", "z.png", "--json")
    assert outcome.code == 0, outcome.err
    assert imageio.imread("z.png").shape == (4, 8, 3)
    record = json.loads(outcome.out)
    assert record["op"] == "unpool"
    assert record["windows"]["stride"] == [2, 2]
    assert record["output"] == {"shape": [4, 8, 3], "dtype": "uint8", "layout": "HWC"}
    Path("i.csv").write_text("5,3\n9,15\n")
    typed = poolcli("unpool", "--matrix", "6 4; 4 4", "--indices", "i.csv", "--size", 2)
    assert typed.text.splitlines()[0].endswith("2x2 HW int64 -> 4x4 int64  unpool 2x2 stride 2")
    assert typed.text.splitlines()[2:] == ["0 0 0 4", "0 6 0 0", "0 4 0 0", "0 0 0 4"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("y.npy", 2, "unpool needs positions: --indices i.npy"),
        ("y.npy --indices i.npy", 2, "unpool needs the window size"),
        ("y.npy --indices i.npy --stride 2 --output-size 4", 2, "give their size, too"),
        ("y.npy --indices same.npy -k 2", 1, "y.npy: index 3 has the values"),
        ("--indices i.npy -k 2", 2, "unpool takes one input and one file of positions"),
        ("y.npy y.npy --indices i.npy -k 2", 2, "unpool takes one input"),
        (". --indices i.npy -k 2", 2, "unpool takes one input"),
        ("- --indices - -k 2", 2, "- is named twice"),
        ("y.npy --indices i.npy -k 2 -p same", 2, "padding 'same': unpooling needs the numbers"),
        ("y.npy --indices i.npy -k 2 --index flat", 2, "index 'flat'"),
        ("y.npy --indices i.npy -k 2 -o y.npy", 2, "y.npy: is the input itself"),
        ("y.npy --indices missing.npy -k 2", 1, "missing.npy: "),
        ("y.npy --indices maps.npz -k 2", 1, "maps.npz: holds several arrays"),
        ("y.npy --indices x.npy -k 2", 1, "y.npy: indices have the shape 4x4, the values 2x2"),
        ("y.npy --indices floats.npy -k 2", 1, "floats.npy: indices are float64; whole"),
        ("y.npy --indices i.npy -k 1", 1, "y.npy: index 5 lies outside the result"),
        ("y.npy --indices i.npy -k 2 --output-size 9", 1, "y.npy: height: output size 9 cannot"),
    ],
)
def test_unpool_refuses(poolcli: Run, matrix: Path, arguments: str, code: int, said: str) -> None:
    poolcli("max", "-k", 2, matrix, "-o", "y.npy", "--indices", "i.npy")
    np.savez("maps.npz", a=np.eye(2), b=np.eye(2))
    np.save("floats.npy", np.eye(2))
    np.save("same.npy", np.full((2, 2), 3))
    outcome = poolcli("unpool", *arguments.split())
    assert (outcome.code, outcome.out) == (code, b"")
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
