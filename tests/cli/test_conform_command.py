"""``poolcli conform``: frameworks side by side, in text that reads back."""

import io
import json
import re

import numpy as np
import pytest

from poolcli.analysis.conform import Comparison, compare, verdict
from poolcli.formats.text import read_text
from poolcli.frameworks.table import TABLE
from poolcli.geometry import Sliding
from poolcli.report.conform import show_comparison

X = np.arange(25.0).reshape(5, 5)


def test_an_input_is_named_once_in_what_is_wrong_with_it(poolcli):
    np.save("x.npy", np.full((4, 4), True))
    with open("x.npy", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\2")
    assert poolcli("conform", "x.npy", "--size", "2").err.startswith("poolcli: x.npy: a bool is ")
    refused = poolcli("max", "x.npy", "--size", "2", "--by", "R")
    assert refused.err.startswith("poolcli: x.npy: a bool is ")


def test_text(poolcli):
    np.save("x.npy", X)
    done = poolcli("conform", "x.npy", "--size", "3", "-s", "2", "-p", "1", "--op", "avg")
    assert (done.code, done.err) == (0, "")
    lines = done.text.splitlines()
    assert lines[0] == (
        "# x.npy  onnx differs from torch in 8 of 9 cells; keras refuses: its padding is 'valid' "
        "or 'same', not a number"
    )
    assert lines[1:5] == [
        "# x.npy  torch: 5x5 HW -> 3x3  (8 of 9 cells differ)",
        "# - padding counts as zeros in the mean (its count_include_pad is True by default)",
        "# shape: 3x3",
        "1.3333333333333333 3.0 2.6666666666666665  # differs in column 0, 1, 2",
    ]
    assert "7.0 12.0 9.0  # differs in column 0, 2" in lines
    refused = "# x.npy  keras: 5x5 HW refused: its padding is 'valid' or 'same', not a number"
    assert refused in lines


def test_the_values_read_back(poolcli):
    np.save("x.npy", X)
    done = poolcli("conform", "x.npy", "--size", "3", "--stride", "2", "--padding", "same")
    expected = [v.values for v in compare(X, "max", Sliding(3, 2, "same")) if v.refused is None]
    found = [array for array, _ in read_text(done.out)]
    assert len(found) == len(expected) == 2
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_of_more_axes_read_back(poolcli):
    x = np.arange(72.0).reshape(2, 6, 6)
    np.save("x.npy", x)
    done = poolcli("conform", "x.npy", "-k", "3", "-s", "3", "--layout", "CHW", "-p", "1")
    expected = [v.values for v in compare(x, "max", Sliding(3, 3, 1), layout="CHW") if v.why]
    for (one, _), other in zip(read_text(done.out), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_json(poolcli):
    done = poolcli("conform", "--matrix", "1 nan; 3 4", "--size", "2", "--json")
    found = {record["framework"]: record for record in map(json.loads, done.text.splitlines())}
    assert list(found) == list(TABLE)
    torch, keras = found["torch"], found["keras"]
    assert (torch["values"], keras["values"]) == ([["NaN"]], [[4.0]])
    assert keras["differs"] == [[True]]
    assert "TensorFlow" in " ".join(keras["why"])
    refused = poolcli("conform", "--matrix", "1 2; 3 4", "-k", "2", "--op", "lp", "--json")
    assert json.loads(refused.text.splitlines()[1]) == {
        "label": "--matrix",
        "framework": "keras",
        "input": {"shape": [2, 2], "layout": "HW"},
        "output": None,
        "refused": "it has no lp pooling",
        "why": [],
        "agrees": [],
        "values": None,
        "differs": None,
    }


def made(framework, values, layout="HW", refused=None):
    values = None if values is None else np.asarray(values)
    return Comparison(framework, layout, (4,) * len(layout), values, refused=refused)


ONES = np.ones((2, 2))


@pytest.mark.parametrize(
    ("comparisons", "said"),
    [
        ([made("a", ONES), made("b", ONES)], "a = b in all 4 cells"),
        ([made("a", [[1]]), made("b", [[1]])], "a = b in their one cell"),
        ([made("a", [[np.nan]]), made("b", [[np.nan]])], "a = b in their one cell"),
        ([made("a", ONES), made("b", ONES + 1e-9)], "a = b in all 4 cells"),
        ([made("a", ONES), made("b", [[1, 1], [1, 2]])], "b differs from a in 1 of 4 cells"),
        (
            [made("a", ONES), made("b", 2 * ONES), made("c", 2 * ONES)],
            "b = c in all 4 cells; a differs from b in 4 of 4 cells",
        ),
        (
            [made("a", ONES), made("b", ONES), made("c", [[1.0]])],
            "a = b in all 4 cells; c gives 1x1, and a 2x2",
        ),
        ([made("a", ONES, "HW"), made("b", ONES, "NW")], "b reads NW, and a HW"),
        ([made("a", ONES), made("b", None, refused="no")], "only a pools it; b refuses: no"),
        (
            [made("a", None, refused="never"), made("b", None, refused="no")],
            "a refuses: never; b refuses: no",
        ),
        (
            [
                made(name, np.full((1000, 100), int(value)))
                for name, value in zip("abcd", "1122", strict=True)
            ],
            "a = b in all 100,000 cells; c = d differ from a in 100,000 of 100,000 cells",
        ),
    ],
)
def test_first_it_says_whether_they_agree(comparisons, said):
    assert verdict(comparisons) == said
    for terminal in (False, True):
        stream = io.StringIO()
        show_comparison("x", comparisons, stream=stream, terminal=terminal, reasons=False)
        drawn = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
        assert " ".join(drawn.split()) == ("x " if terminal else "# x ") + said


def test_of_large_results_only_what_differs_is_shown(poolcli):
    x = np.random.default_rng(3).standard_normal((2, 3, 60, 60)).astype(np.float32)
    x[1, 2, 10, 20] = np.nan
    np.save("x.npy", x)
    options = ("x.npy", "-k", 2, "-s", 2, "--layout", "NCHW")
    done = poolcli("conform", *options)
    lines = done.text.splitlines()
    assert lines[0].startswith(
        "# x.npy  torch = onnx in all 5,400 cells; keras differs from torch in 1 "
    )
    keras = x[1, 2, 10:12, 20:22][~np.isnan(x[1, 2, 10:12, 20:22])].max()
    cell = "# differs at item 1, channel 2, row 5, column 10: "
    assert lines[-1] == f"{cell}torch nan, onnx nan, keras {keras!s}"
    assert all(line.startswith("#") for line in lines)
    assert len(lines) < 12
    for quiet, count in (["--no-preview"], len(lines) - 1), (["--quiet"], 1):
        assert poolcli("conform", *options, *quiet).text.splitlines() == lines[:count]
    records = poolcli("conform", *options, "--json", "--no-preview").text.splitlines()
    torch, keras, onnx = map(json.loads, records)
    assert (torch["agrees"], keras["agrees"], onnx["agrees"]) == (["onnx"], [], ["torch"])
    assert not {"values", "differs"} & torch.keys()
    avg = ("-k", 3, "-s", 2, "-p", 1, "--op", "avg", "--layout", "NCHW")
    every = poolcli("conform", "x.npy", *avg)
    lines = every.text.splitlines()
    assert len(lines) < 40
    assert re.fullmatch(r"# and [\d,]+ more cells, in 6 planes", lines[-1])


def test_a_terminal_shows_the_plane_that_differs():
    x = np.random.default_rng(3).standard_normal((3, 80, 80))
    x[1, 50, 60] = np.nan
    stream = io.StringIO()
    comparisons = compare(x, "max", Sliding(2, 2), layout="CHW")
    show_comparison("x", comparisons, stream=stream, terminal=True)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert "torch = onnx 3x80x80 CHW" in drawn
    assert drawn.count("plane 2 of 3") == drawn.count("around row 25, column 30") == 2
    assert len(re.findall(r"\d\*", drawn)) == 1
    bare = io.StringIO()
    show_comparison("x", comparisons, stream=bare, terminal=True, values=False)
    assert "plane" not in bare.getvalue()
    assert "TensorFlow" in bare.getvalue()


def test_a_picture_tells_its_layout(poolcli):
    from PIL import Image

    Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save("in.png")
    done = poolcli("conform", "in.png", "--size", "2", "--stride", "2")
    assert "torch: 6x8x3 HWC -> 3x4x3" in done.text


def test_other_inputs_go_on(poolcli):
    np.save("x.npy", X)
    done = poolcli("conform", "missing.npy", "x.npy", "--size", "2x2x2", "x.npy")
    assert done.code == 1
    assert len(done.err.splitlines()) == 3
    assert done.err.count("size has 3 numbers") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "conform needs a window size"),
        (["--size", "2", "--op", "median"], "frameworks can be compared in max, avg, lp"),
        (["--size", "2", "--norm", "3"], "max has no parameter 'norm'"),
        (["--size", "0"], "--size 0: numbers here start at 1"),
    ],
)
def test_one_line_says_what_is_wrong(poolcli, arguments, message):
    done = poolcli("conform", "--matrix", "1 2; 3 4", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_terminal_gets_panels_with_marks():
    stream = io.StringIO()
    show_comparison("x", compare(X, "avg", Sliding(3, 2, 1)), stream=stream, terminal=True)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    for words in (
        "torch 5x5 HW",
        "keras 5x5 HW",
        "refused",
        "3.00*",
        "12.00 ",
        "count_include_pad",
    ):
        assert words in drawn


@pytest.mark.parametrize("width", [40, 80])
def test_a_terminal_says_which_plane_and_what_a_star_means(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    x = np.arange(2 * 3 * 8 * 60).reshape(2, 3, 8, 60) % 97 / 7
    verdicts = compare(x, "avg", Sliding(3, 2, 1), layout="NCHW")
    stream = io.StringIO()
    show_comparison("x.npy", verdicts, stream=stream, terminal=True)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    assert any("2x3x4x30  plane 1 of 6" in line for line in lines)
    assert "* most frameworks have another value" in "\n".join(lines)
    rows = [line for line in lines if re.search(r"\d\*", line)]
    assert all(len(re.findall(r"\d\.\d", row)) > 1 for row in rows)
