"""``poolcli chain``: the same chain as in Python, from files to files."""

import json

import numpy as np
import pytest

import poolcli as library


def test_numbers_are_those_of_the_function(poolcli, matrix):
    done = poolcli("chain", "max 2/1 | avg 2", matrix)
    expected = library.chain(np.load(matrix), "max 2/1 | avg 2")
    assert done.code == 0
    assert done.text.splitlines()[0] == (
        f"# {matrix}  4x4 HW int64 -> 1x1 float64  max 2/1 | avg 2  "
        "(1 row in stage 2 and 1 column in stage 2 dropped)"
    )
    np.testing.assert_array_equal(np.loadtxt(done.text.splitlines(), ndmin=2), expected)


def test_options_reach_every_stage(poolcli):
    typed = ["--matrix", "1 nan; 3 4"]
    assert poolcli("chain", "max 2 | avg 1", *typed).text.splitlines()[-1] == "nan"
    done = poolcli("chain", "max 2 | avg 1", *typed, "--nan", "skip")
    assert done.text.splitlines()[-1] == "4.0"
    refused = poolcli("chain", "max 2 | avg 1", *typed, "--nan", "error")
    assert refused.code == 1
    assert refused.err == (
        'poolcli: --matrix: stage 1 "max 2": NaN at height 0, width 1; use --nan skip or --nan '
        "propagate\n"
    )


def test_the_least_fraction_holds_for_every_stage(poolcli):
    cells = np.array([[1, 3, -9, -9], [5, 7, -9, 2]])
    typed = ["--matrix", "1 3 -9 -9; 5 7 -9 2", "--nodata", -9]
    stages = "max 2 | avg 1x2"
    for least, expected in ((0.25, "4.5"), (0.5, "7.0"), (0.75, "-9.0")):
        done = poolcli("chain", stages, *typed, "--min-valid", least)
        got = library.chain(cells, stages, nodata=-9, min_valid=least)
        assert done.text.splitlines()[-1] == str(got.item()) == expected
    refused = poolcli("chain", "max 2", "--matrix", "1 2; 3 4", "--min-valid", 0.5)
    assert (refused.code, refused.err.count("--nan skip or --nodata")) == (2, 1)


def test_presets_and_layouts(poolcli, tmp_path, monkeypatch):
    np.save("x.npy", np.zeros((3, 8, 10), np.float32))
    for options in (["--like", "torch"], ["--layout", "CHW"]):
        done = poolcli("chain", "max 2 | global avg", "x.npy", *options)
        assert "3x8x10 CHW float32 -> 3 C float32  max 2 | global avg" in done.text
    monkeypatch.setenv("POOLCLI_LIKE", "onnx")
    assert "-> 3x7x9 float32" in poolcli("chain", "max 2", "x.npy").text


def test_an_empty_layout_is_none(poolcli, matrix):
    for arguments in (["chain", "max 2", matrix], ["shape", "4x4", "max 2"]):
        done = poolcli(*arguments, "--layout", "")
        assert (done.code, done.out) == (2, b"")
        assert "the layout is empty; give axis letters" in done.err


def test_files(poolcli, matrix):
    assert poolcli("chain", "max 2 | pyramid avg 1,2", matrix, "-o", "y.npy").code == 0
    expected = library.chain(np.load(matrix), "max 2 | pyramid avg 1,2")
    np.testing.assert_array_equal(np.load("y.npy"), expected)
    stored = poolcli("chain", "avg 2 | avg 2", matrix, "-o", "z.npy", "--dtype", "uint8")
    assert stored.code == 1
    assert 'stage 2 "avg 2"' in stored.err


def test_pictures_stay_pictures(poolcli):
    from PIL import Image

    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save("in.png")
    assert poolcli("chain", "avg 2 | max 2", "in.png", "-o", "out.png").code == 0
    picture = np.asarray(Image.open("out.png"))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[22, 26], [54, 58]]


def test_json(poolcli, matrix):
    record = json.loads(poolcli("chain", "max 3/2 | global avg", matrix, "--json").text)
    assert record["op"] == "chain"
    assert [stage["stage"] for stage in record["stages"]] == ["max 3/2", "global avg"]
    assert [stage["output"]["shape"] for stage in record["stages"]] == [[1, 1], []]
    assert record["dropped"] == {"height in stage 1": 1, "width in stage 1": 1}
    assert record["values"] == 6.0


@pytest.mark.parametrize(
    ("stages", "code", "message"),
    [
        ("max 2 | avg 2 q3", 2, 'stage 2 "avg 2 q3": "q3" is no kSIZE, sSTRIDE'),
        ("global avg | max 2", 2, 'stage 2 "max 2": stage 1 "global avg" leaves no positions'),
        ("", 2, "the chain is empty"),
        ("max 2 | max 9", 1, 'stage 2 "max 9": height: effective kernel 9 exceeds input 2'),
        ("max \x1b[31m", 2, 'stage 1 "max \\x1b[31m"'),
    ],
)
def test_one_line_says_what_is_wrong(poolcli, matrix, stages, code, message):
    done = poolcli("chain", stages, matrix)
    assert done.code == code
    assert done.out == b""
    assert message in done.err
    assert done.err.count("\n") == 1


def test_help_tells_the_grammar(poolcli):
    assert "OP SIZE[/STRIDE] [pPADDING]" in poolcli("chain", "--help").text
    assert poolcli("chain").code == 2
