"""``poolcli explain``: pictures, choices of windows, JSON, steps, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from poolcli.geometry import Sliding
from poolcli.ops import OPS
from poolcli.request import Request
from tests.helpers.program import Outcome, with_keys

Run = Callable[..., Outcome]
MATRIX = "1 3 2 4; 5 6 1 2; 2 4 0 1; 1 2 3 4"


def cells(outcome: Outcome) -> list[dict[str, Any]]:
    """The windows of the one JSON object that was printed."""
    assert outcome.code == 0, outcome.err
    (line,) = outcome.text.splitlines()
    found: list[dict[str, Any]] = json.loads(line)["cells"]
    return found


def test_a_pipe_gets_the_picture_and_no_codes(poolcli: Run, matrix: Path) -> None:
    outcome = poolcli("explain", "max", matrix, "--size", 2)
    assert outcome.code == 0
    assert outcome.err == ""
    assert "\x1b" not in outcome.text
    assert "   5 [6]  1  2         6   4\n" in outcome.text
    assert "  [0,0]   max(1, 3, 5, 6) = 6\n" in outcome.text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["max", "-k", 2], "⌊(4 − 2) / 2⌋ + 1 = 2"),
        (["max", "-k", 3, "-s", 2, "-p", 1], "⌊(4 + 1 + 1 − 3) / 2⌋ + 1 = 2"),
        (["max", "-k", 3, "--ceil"], "⌈(4 − 3) / 3⌉ + 1 = 2"),
        (["max", "-k", 2, "-d", 2], "(2 − 1) · 2 + 1 = 3"),
        (["avg", "-k", 2, "--at", "1,0"], "(2 + 4 + 1 + 2) / 4 = 2.25"),
        (["mean", "-k", 2, "--at", "1,0"], "(2 + 4 + 1 + 2) / 4 = 2.25"),
        (["global", "sum"], "sum of 16 values = 41"),
        (["adaptive", "max", "--output-size", 3], "3 windows of the cells ⌊i · 4 / 3⌋"),
        (["fractional", "max", "--output-size", 3], "3 windows from ⌊(i + u) · α⌋ − ⌊u · α⌋"),
        (["pyramid", "max", "--levels", "1,2"], "level 2×2"),
        (["quantile", "-k", 2, "--q", 0.9], "sorted 1, 3, 5, 6: 5 + 0.7 · (6 − 5) = 5.7"),
        (["stochastic", "-k", 2, "--seed", 0], "drew 6 with 6/15"),
        (["max", "-k", 3, "--like", "onnx"], "⌊(4 − 3) / 1⌋ + 1 = 2"),
    ],
)
def test_every_family_and_option(poolcli: Run, arguments: list[Any], expected: str) -> None:
    outcome = poolcli("explain", *arguments, "--matrix", MATRIX)
    assert outcome.code == 0, outcome.err
    assert expected in outcome.text


def test_unpooling(poolcli: Run, matrix: Path) -> None:
    poolcli("max", "-k", 2, matrix, "-o", "p.npy", "--indices", "i.npy")
    outcome = poolcli("explain", "unpool", "p.npy", "--indices", "i.npy", "--size", 2)
    assert "[1,0]   4 goes to [2,1]" in outcome.text
    assert "(2 − 1) · 2 + 2 = 4" in outcome.text
    json_cells = cells(
        poolcli("explain", "unpool", "p.npy", "--indices", "i.npy", "--output-size", 4, "--json")
    )
    assert [cell["winner"] for cell in json_cells] == [[1, 1], [0, 3], [2, 1], [3, 3]]


@pytest.mark.parametrize(
    ("which", "windows"),
    [
        (["--at", "1,1"], ["[1,1]"]),
        (["--at", "0,1"], ["[0,1]"]),
        (["--region", "0:4,2:4"], ["[0,1]", "[1,1]"]),
        (["--region", "1:,:"], ["[1,0]", "[1,1]"]),
        (["--region", "0:99,0:3"], ["[0,0]", "[1,0]"]),
        (["--all"], ["[0,0]", "[0,1]", "[1,0]", "[1,1]"]),
    ],
)
def test_which_windows(poolcli: Run, matrix: Path, which: list[str], windows: list[str]) -> None:
    outcome = poolcli("explain", "max", matrix, "-k", 2, *which)
    assert re.findall(r"^  (\[.,.\])", outcome.text, re.MULTILINE) == windows
    found = cells(poolcli("explain", "max", matrix, "-k", 2, *which, "--json"))
    assert [str(cell["at"]).replace(" ", "") for cell in found] == windows


def test_at_counts_the_output_of_a_pyramid(poolcli: Run) -> None:
    arguments = ["explain", "pyramid", "max", "--levels", "1,2", "--matrix", MATRIX]
    outcome = poolcli(*arguments, "--at", 2)
    assert "max(2, 4, 1, 2) = 4" in outcome.text
    assert "level 1×1" not in outcome.text
    (cell,) = cells(poolcli(*arguments, "--at", 2, "--json"))
    assert (cell["at"], cell["result"]) == ([2], 4)


@pytest.mark.parametrize("op", OPS)
def test_json_of_every_op(poolcli: Run, op: str) -> None:
    x = np.random.default_rng(3).integers(0, 9, (5, 7))
    np.save("x.npy", x)
    request = Request(op, Sliding(3, 2, 1))
    plan = request.plan(x.shape, x.dtype)
    outcome = poolcli("explain", op, "x.npy", "-k", 3, "-s", 2, "-p", 1, "--json")
    record = json.loads(outcome.text)
    assert {key: record[key] for key in ("label", "op", "input", "output", "dropped")} == {
        "label": "x.npy",
        "op": op,
        "input": {"shape": [5, 7], "dtype": "int64", "layout": "HW"},
        "output": {"shape": [3, 4], "dtype": plan.output_dtype.name, "layout": "HW"},
        "dropped": {},
    }
    assert record["windows"]["size"] == [3, 3]
    height = record["formula"][0]
    assert height["text"] == "⌊(5 + 1 + 1 − 3) / 2⌋ + 1 = 3"
    numbers = ("axis", "input", "padding", "size", "dilation", "effective", "stride", "output")
    assert [height[key] for key in numbers] == ["height", 5, [1, 1], 3, 1, 3, 2, 3]
    assert height["ceil_mode"] is False
    pooled = plan.run(x)
    assert [cell["at"] for cell in record["cells"]] == [list(at) for at in np.ndindex(3, 4)]
    for cell in record["cells"]:
        assert cell["result"] == pooled[tuple(cell["at"])]
        assert cell["values"] == [x[tuple(place)] for place in cell["window"]]
        assert cell["winner"] is None or x[tuple(cell["winner"])] == cell["result"]
        assert isinstance(cell["text"], str)
        if op == "stochastic":
            assert sum(cell["probabilities"]) == pytest.approx(1)


def test_json_of_numbers_that_are_none(poolcli: Run) -> None:
    matrix = "nan inf; 1 -inf"
    (cell,) = cells(poolcli("explain", "max", "-k", 2, "--matrix", matrix, "--json"))
    assert cell["values"] == ["NaN", "Infinity", 1.0, "-Infinity"]
    assert (cell["winner"], cell["result"]) == ([0, 0], "NaN")
    skipped = poolcli("explain", "max", "-k", 2, "--matrix", matrix, "--nan", "skip", "--json")
    (cell,) = cells(skipped)
    assert (cell["winner"], cell["result"]) == ([0, 1], "Infinity")
    assert cell["counts"] == [False, True, True, True]


def test_steps_without_a_terminal_are_text(poolcli: Run, matrix: Path) -> None:
    text = poolcli("explain", "max", matrix, "-k", 2, "--step").text
    assert re.findall(r"^  (\d of \d)$", text, re.MULTILINE) == [
        f"{number} of 4" for number in (1, 2, 3, 4)
    ]
    first, second = text.split("2 of 4")[:2]
    assert "  ‹1›‹3›  2  4\n  ‹5›[6]  1  2         6   ·\n" in first
    assert "   1  3  ‹2›[4]\n   5  6  ‹1›‹2›        6   4\n" in second
    assert text.count("⌊(4 − 2) / 2⌋ + 1 = 2") == 1


def test_steps_end_where_a_page_does(poolcli: Run) -> None:
    np.save("x.npy", np.zeros((64, 64), int))
    text = poolcli("explain", "max", "x.npy", "-k", 3, "-s", 1, "--step").text
    assert len(text.splitlines()) <= 60
    assert re.search(r"… and 38\d\d more windows: --all prints them\n$", text)
    np.save("y.npy", np.arange(30))
    whole = poolcli("explain", "max", "y.npy", "-k", 3, "-s", 1, "--step", "--all").text
    assert "28 of 28" in whole


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(
    ("keys", "last"),
    [
        ([b"\x1b[C", b" ", b"q"], "3 of 4"),
        ([b" ", b" ", b" ", b" ", b"q"], "4 of 4"),
        ([b"\x1b[F", b"\x1b[D", b"q"], "3 of 4"),
        ([b"\x1b[F", b"\x1b[H", b"q"], "1 of 4"),
        ([b"\x1b[D", b"q"], "1 of 4"),
        ([b"x", b"\x1b[A", b"\x1bOC", b"\x1b"], "2 of 4"),
    ],
)
def test_keys_go_from_step_to_step(matrix: Path, keys: list[bytes], last: str) -> None:
    pressed = [("q quit", key) for key in keys]
    outcome = with_keys("explain", "max", matrix, "-k", 2, "--step", keys=pressed)
    assert outcome.code == 0, outcome.text
    # The alternate screen is left, and the step that was looked at stays.
    left = outcome.text.split("\x1b[?1049l")[-1]
    assert outcome.text.count("\x1b[?1049h") == 1
    assert last in left


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_an_interrupt_gives_the_terminal_back(matrix: Path) -> None:
    pressed = [("q quit", b"\x03")]
    outcome = with_keys("explain", "max", matrix, "-k", 2, "--step", keys=pressed)
    assert outcome.code == 130
    assert "\x1b[?1049l" in outcome.text
    assert "Traceback" not in outcome.text


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("command", [["explain", "max"], ["max"]])
def test_a_terminal_gets_colours_or_signs(matrix: Path, command: list[str]) -> None:
    coloured = with_keys(*command, matrix, "-k", 2).text
    assert "48;2;112;202;255" in coloured  # the first window's winner
    assert "[6]" not in coloured
    plain = with_keys(*command, matrix, "-k", 2, NO_COLOR="1").text
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]", plain)
    assert "[6]" in plain


def test_several_inputs_have_their_names(poolcli: Run, matrix: Path) -> None:
    np.savez("two.npz", a=np.ones((2, 2)), b=np.zeros((2, 2)))
    text = poolcli("explain", "max", matrix, "two.npz", "-k", 2).text
    assert [line for line in text.splitlines() if line and not line.startswith(" ")] == [
        str(matrix),
        "two.npz:a",
        "two.npz:b",
    ]
    lines = poolcli("explain", "max", matrix, "two.npz", "-k", 2, "--json").text.splitlines()
    assert [json.loads(line)["label"] for line in lines] == [str(matrix), "two.npz:a", "two.npz:b"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("max -k 2 --at 2,0", 2, "outside the output of 2x2; places count from 0,0"),
        ("max -k 2 --at 1", 2, "--at 1: 2 whole numbers, as in 0,0, say where in the output"),
        ("max -k 2 --at -1,0", 2, "--at -1,0: 2 whole numbers"),
        (f"max -k 2 --at {'9' * 99},0", 2, "2 whole numbers"),
        ("max -k 2 --region 0:4", 2, "--region 0:4: one range per axis is meant, as in 0:8,0:8"),
        ("max -k 2 --region 0:4,a", 2, "--region 0:4,a: 'a' is no range such as 0:8"),
        ("max -k 2 --region 1:2,0:4", 2, "no window lies within it as a whole"),
        ("max -k 2 --at 0,0 --all", 2, "--at and --all both say which windows; choose one"),
        ("max -k 2 --step --json", 2, "--json tells of all windows at once"),
        ("maxx -k 2", 2, "no op 'maxx'; did you mean max?"),
        ("max", 2, "max needs a window size: --size 2"),
        ("max -k 9", 1, "--matrix: height: effective kernel 9 exceeds input 4"),
        ("avg -k 2 --nan skip --min-valid 3", 2, "min_valid 3.0"),
    ],
)
def test_refusals(poolcli: Run, arguments: str, code: int, message: str) -> None:
    outcome = poolcli("explain", *arguments.split(), "--matrix", MATRIX)
    assert (outcome.code, outcome.text) == (code, "")
    assert outcome.err.startswith("poolcli: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize(
    ("op", "matrix", "message"),
    [
        ("stochastic", "1 -2; 3 4", "stochastic pooling of a negative activation, -2"),
        ("avg", "1 nan; 3 4", "NaN at height 0, width 1"),
    ],
)
def test_what_cannot_be_pooled_prints_nothing_by_half(
    poolcli: Run, op: str, matrix: str, message: str, as_json: bool
) -> None:
    options = ["--json"] if as_json else []
    outcome = poolcli("explain", op, "-k", 2, "--nan", "error", "--matrix", matrix, *options)
    assert outcome.code == 1
    assert outcome.err.startswith(f"poolcli: --matrix: {message}")
    assert (
        (json.loads(outcome.text).keys() == {"label", "error", "code"})
        if as_json
        else not outcome.text
    )


def test_too_many_windows_for_json_are_refused(poolcli: Run) -> None:
    np.save("x.npy", np.zeros((400, 400), np.uint8))
    outcome = poolcli("explain", "max", "x.npy", "-k", 64, "-s", 1, "--json")
    assert outcome.code == 1
    assert "choose some with --at or --region" in outcome.err
    (cell,) = cells(
        poolcli("explain", "max", "x.npy", "-k", 64, "-s", 1, "--json", "--at", "300,7")
    )
    assert (cell["at"], len(cell["values"])) == ([300, 7], 4096)


def test_help_lists_ops_and_families(poolcli: Run) -> None:
    text = poolcli("explain", "--help").text
    for name in (*OPS, "global", "adaptive", "fractional", "pyramid", "unpool"):
        assert re.search(rf"^  {name}\b", text, re.MULTILINE), name
    assert "poolcli explain global OP INPUT..." in poolcli("explain", "global", "--help").text
    options = poolcli("explain", "max", "--help").text
    for flag in ("--at", "--all", "--region", "--step", "--json", "--padding", "--nan", "--like"):
        assert flag in options
    assert "--output " not in options
