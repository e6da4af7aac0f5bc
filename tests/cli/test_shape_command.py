"""``poolcli shape``: a table of the stages, its warnings, and the layers as code."""

import io
import json
import re

import pytest

from poolcli.analysis.summary import rows
from poolcli.chain_syntax import parse_chain
from poolcli.frameworks.table import TABLE as FRAMEWORKS
from poolcli.report.shape import show_table

CHAIN = "max 3/2 p1 | avg 2 | global avg"


def read(text):
    """Read a table back: columns stand two spaces apart or more, the words in one only one."""
    heading, *lines = (re.split(r" {2,}", line) for line in text.splitlines())
    return [dict(zip(heading, line, strict=True)) for line in lines]


def test_the_table_reads_back(poolcli):
    done = poolcli("shape", "224x225x64", CHAIN)
    assert (done.code, done.err) == (0, "")
    table = read(done.text)
    assert [row["stage"] for row in table] == ["input", "max 3/2 p1", "avg 2", "global avg"]
    assert [row["output"] for row in table] == ["224x225x64", "112x113x64", "56x56x64", "64"]
    assert [row["layout"] for row in table] == ["HWC", "HWC", "HWC", "C"]
    assert [row["field"] for row in table] == ["1x1", "3x3", "5x5", "224x224"]
    assert [row["jump"] for row in table] == ["1x1", "2x2", "4x4", "-"]
    assert [row["dropped"] for row in table] == ["-", "-", "width:1", "-"]
    assert [row["kept"] for row in table] == ["100%", "25.1%", "6.22%", "0.00198%"]


def test_one_object_a_stage(poolcli):
    done = poolcli("shape", "10x9", "adaptive max 4 | max 2", "--json")
    table = [json.loads(line) for line in done.text.splitlines()]
    assert [row["stage"] for row in table] == ["input", "adaptive max 4", "max 2"]
    assert table[1]["field"] == [3, 3]
    assert table[1]["jump"] == [pytest.approx(7 / 3), 2]
    assert table[2]["warnings"] == ["only 2x2 is left of the map: hardly a position to tell apart"]
    assert table[2]["kept"] == pytest.approx(4 / 90)
    assert done.err == ""


def test_mistakes_are_warned_of(poolcli):
    done = poolcli("shape", "32x32x8", "max 20 | global max keep")
    assert done.code == 0
    assert done.err.splitlines() == [
        'poolcli: warning: stage 1 "max 20": height and width: the window covers 20 of 32 cells, '
        "too many to keep detail",
        'poolcli: warning: stage 1 "max 20": only 1x1 is left of the map: hardly a position to '
        "tell apart",
        'poolcli: warning: stage 1 "max 20": only 0.0977% of the input\'s values are left; fewer '
        "stages keep more",
    ]


def test_a_chain_that_cannot_be_is_shown_as_far_as_it_goes(poolcli):
    done = poolcli("shape", "8x8", "max 2 | max 9")
    assert done.code == 2
    assert [row["stage"] for row in read(done.text)] == ["input", "max 2"]
    assert done.err == (
        'poolcli: stage 2 "max 9": height: effective kernel 9 exceeds input 4; shown is what '
        "comes before it\n"
    )
    # What a stage before it could do better is not what is wrong.
    assert poolcli("shape", "9x9", "max 7 | max 9").err.count("\n") == 1


def test_layouts(poolcli, monkeypatch):
    hinted = poolcli("shape", "3x224x224", "avg 1")
    assert "poolcli: warning: 3x224x224 was read as HWC: 3x224 is pooled" in hinted.err
    for options in (["--layout", "CHW"], ["--like", "torch"]):
        done = poolcli("shape", "3x224x224", "max 2", *options)
        assert read(done.text)[1]["output"] == "3x112x112"
        assert done.err == ""
    monkeypatch.setenv("POOLCLI_LAYOUT", "CHW")
    assert read(poolcli("shape", "3x224x224", "max 2").text)[1]["output"] == "3x112x112"


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_code(poolcli, framework):
    done = poolcli("shape", "224x224x64", "max 3/2 psame | global avg", "--code", framework)
    assert (done.code, done.err) == (0, "")
    compile(done.text, "layers", "exec")
    assert f"{framework}" in done.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["8x8", "median 3", "--code", "torch"], 'stage 1 "median 3": torch has no such layer: '),
        (["8x8", "max 3", "--code", "jax"], f"code 'jax': use {', '.join(FRAMEWORKS)}"),
        (["8x8", "max 3", "--code", "torch", "--json"], "--code prints code and --json a table"),
        (["8x0", "max 3"], "shape 8x0: numbers here start at 1, not 0"),
        (["8xa", "max 3"], "shape 8xa: 'a' is not a whole number"),
        (["1x2x3x4x5x6", "max 3"], "the array has 6 axes"),
        (["8x8", "max"], 'stage 1 "max": a size'),
        (["8x8"], "Missing argument 'STAGES'"),
        (["8x8", "max 2", "avg 2"], 'stages are one argument, as in "max 2 | avg 2"'),
    ],
)
def test_one_line_says_what_is_wrong(poolcli, arguments, message):
    done = poolcli("shape", *arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_a_file_is_no_shape(poolcli, matrix):
    done = poolcli("shape", "x.npy", "max 2")
    assert (done.code, done.text) == (2, "")
    assert done.err.startswith("poolcli: x.npy: is a file, and a shape such as 1x64x56x56 is meant")


def test_enormous_shapes(poolcli):
    done = poolcli("shape", f"{2**40}x{2**40}", "max 3/2 p1 | global max")
    assert read(done.text)[2]["field"] == f"{2**40}x{2**40}"


def test_a_terminal_gets_a_drawing():
    stream = io.StringIO()
    show_table(list(rows(parse_chain(CHAIN), (224, 224, 64))), stream=stream, terminal=True)
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    for words in ("stage", "max 3/2 p1", "112x112x64", "5x5", "6.25%"):
        assert words in drawn


@pytest.mark.parametrize(
    "typed", ["1,6,8,3", "(1, 6, 8, 3)", "[1,6,8,3]", "torch.Size([1, 6, 8, 3])"]
)
def test_a_shape_as_python_writes_it(poolcli, typed):
    assert poolcli("shape", typed, "max 2") == poolcli("shape", "1x6x8x3", "max 2")


@pytest.mark.parametrize("width", [40, 60])
def test_on_a_narrow_terminal_stages_stand_one_below_the_other(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    show_table(list(rows(parse_chain(CHAIN), (224, 224, 64))), stream=stream, terminal=True)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue()
    assert "  output   112x112x64" in lines
