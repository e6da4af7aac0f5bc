"""``poolcli shift-test``: its table, its lesson, its JSON and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

FIELDS = ["label", "op", "windows", "axis", "shift"]
FIELDS += ["cells_kept", "kept", "kept_changed", "moved", "change", "relative"]


@pytest.fixture
def noise(tmp_path):
    """Give an array of noise, so that no two cells are alike."""
    path = tmp_path / "noise.npy"
    np.save(path, np.random.default_rng(0).random((40, 41)))
    return path


def records(done):
    return [json.loads(line) for line in done.text.splitlines()]


def words(done):
    return [line.split() for line in done.text.splitlines()]


def test_the_table_and_what_follows_from_it(poolcli, noise):
    done = poolcli("shift-test", "noise.npy")
    assert (done.code, done.err) == (0, "")
    lines = done.text.splitlines()
    assert lines[0] == "  noise.npy   40×41   moved along the width   2×2 stride 2"
    assert lines[3].split() == ["moved", "by", *"12341234"]
    assert [line[0] for line in words(done)[4:9]] == ["no", "max", "avg", "median", "subsample"]
    assert lines[4].split()[2:10:2] == ["0"] * 4
    assert lines[-2:] == [
        "  By 2 and 4, multiples of the stride, every output is found 1 and 2 places on.",
        "  In noise a 2×2 maximum stays with (2 − 1) / (2 + 1) = 33 % when moved by 1.",
    ]
    assert max(map(len, lines)) <= 80


def test_one_object_an_op_and_shift(poolcli, noise):
    done = poolcli("shift-test", "noise.npy", "--ops", "max", "--shifts", "2,3", "--json")
    assert (done.code, done.err) == (0, "")
    found = records(done)
    assert [(row["op"], row["shift"]) for row in found] == [
        *(("none", 2), ("none", 3), ("max", 2), ("max", 3))
    ]
    for row in found:
        assert list(row) == FIELDS
        assert row["axis"] == "width"
    assert found[0]["windows"] is None
    assert found[2]["windows"]["kind"] == "sliding"
    assert [row["moved"] for row in found] == [1, 1, 1, None]


def test_figure_9_8_of_goodfellow_bengio_and_courville(poolcli):
    options = ["--size", "1x3", "--stride", "1", "--padding", "0x1", "--shifts", "1", "--json"]
    done = poolcli("shift-test", *options, "--matrix", "0.3 0.1 1 0.2 0.1")
    kept = {row["op"]: row["kept"] for row in records(done)}
    assert (kept["none"], kept["max"]) == (0, 0.5)


@pytest.mark.parametrize("axis", ["height", "width"])
def test_axes(poolcli, tmp_path, axis):
    stripes = np.tile(np.arange(8), (8, 1))  # nothing changes along the height
    np.save("x.npy", stripes)
    done = poolcli("shift-test", "x.npy", "--axis", axis, "--json")
    kept = {row["kept"] for row in records(done)}
    assert kept == ({1.0} if axis == "height" else {0.0})
    assert f"moved along the {axis}" in poolcli("shift-test", "x.npy", "--axis", axis).text


def test_many_shifts_stand_in_several_tables(poolcli, noise):
    done = poolcli("shift-test", "noise.npy", "-k", 3, "--shifts", "1,2,3,4,5,6")
    assert done.text.count("  moved by ") == 2
    assert max(map(len, done.text.splitlines())) <= 80
    assert "blur" in done.text


def test_a_step_of_which_no_shift_is_a_multiple(poolcli, noise):
    done = poolcli("shift-test", "noise.npy", "-k", 3, "--shifts", "1,2")
    assert "No shift is a multiple of the stride 3" in done.text
    said = poolcli("shift-test", "noise.npy", "-k", 3, "-s", 1, "-p", 1, "--shifts", "1").text
    assert "windows that reach past an edge do not move along" in " ".join(said.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["noise.npy", "--shifts", "0"], "--shifts 0: numbers here start at 1"),
        (["noise.npy", "--shifts", "1,x"], "--shifts x: '' is not a whole number"),
        (["noise.npy", "--shifts", "-1"], "numbers here start at 1, not -1"),
        (["noise.npy", "--shifts", "1x2"], "numbers with commas between them"),
        (["noise.npy", "--axis", "up"], "--axis up: use width, height, depth"),
        (["noise.npy", "--ops", "maxx"], "no op 'maxx'"),
        (["noise.npy", "--stride", "0"], "numbers here start at 1"),
        ([], "no input"),
    ],
)
def test_wrong_usage(poolcli, noise, arguments, message):
    done = poolcli("shift-test", *arguments)
    assert (done.code, done.text) == (2, "")
    assert message in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--shifts", "41"], "noise.npy: width, moved by 41: a shift of 41 leaves nothing of 41"),
        (["--shifts", "40"], "noise.npy: width, moved by 40: effective kernel 2 exceeds input 1"),
        (["--axis", "depth"], "noise.npy: there is no depth to move along in HW"),
        (["--size", "99"], "noise.npy: height: effective kernel 99 exceeds input 40"),
    ],
)
def test_an_input_that_cannot_be_moved(poolcli, noise, arguments, message):
    done = poolcli("shift-test", "noise.npy", *arguments)
    assert (done.code, done.text) == (1, "")
    assert message in done.err
    assert done.err.count("\n") == 1
    assert records(poolcli("shift-test", "noise.npy", *arguments, "--json"))[0]["error"]


def test_the_others_go_on(poolcli, noise):
    done = poolcli("shift-test", "missing.npy", "noise.npy", "--json")
    assert done.code == 1
    assert records(done)[0]["label"] == "missing.npy"
    assert len(records(done)) == 1 + 5 * 4
