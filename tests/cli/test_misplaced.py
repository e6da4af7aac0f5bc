"""Words among the inputs that name none: what is said of them, and what is done all the same."""

from __future__ import annotations

import pytest

HINT = "poolcli: hint: out.npy: what is named without an option is read; -o out.npy writes it\n"
MISSING = "poolcli: out.npy: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ("compare max avg x.npy", "max: there is no such file, and ops are named by --ops max,avg"),
        ("shift-test mean x.npy", "mean: there is no such file, and ops are named by --ops mean"),
        ("conform avg -k 2 x.npy", "avg: there is no such file, and ops are named by --op avg"),
    ],
)
def test_ops_have_an_option(poolcli, matrix, arguments, advice):
    done = poolcli(*arguments.split())
    assert (done.code, done.text, done.err) == (2, "", f"poolcli: {advice}\n")


def test_stages_are_one_argument(poolcli, matrix):
    done = poolcli("chain", "max 2", "global avg", "x.npy", "-o", "out.npy")
    said = "global avg: there is no such file, and stages are one argument: 'max 2 | global avg'"
    assert (done.code, done.text, done.err) == (2, "", f"poolcli: {said}\n")
    assert poolcli("chain", "max 2", "x.npy").code == 0
    assert poolcli("chain", "max 2", "missing.npy").code == 1


def test_a_file_may_be_called_like_an_op(poolcli, matrix):
    matrix.rename("max")
    assert poolcli("compare", "max").code == 0


@pytest.mark.parametrize(
    ("names", "hints"),
    [
        ("x.npy out.npy", HINT),
        ("out.npy x.npy", ""),
        ("out.npy", ""),
        ("x.npy out.npy -o folder/", ""),
        ("x.npy out.npy --dry-run", HINT),
    ],
)
def test_an_output_is_named_by_an_option(poolcli, matrix, names, hints):
    done = poolcli("max", "-k", 2, *names.split())
    assert done.code == 1
    assert MISSING in done.err
    assert done.err.count("hint: ") == hints.count("hint: ")
    assert hints in done.err


@pytest.mark.parametrize("name", ["no*.npy", "out.xyz", "out", "memory://a/out.npy"])
def test_what_can_be_no_output_brings_no_advice(poolcli, matrix, name):
    done = poolcli("max", "-k", 2, "x.npy", name)
    assert done.code == 1
    assert "hint: " not in done.err


def test_missing_indices_are_no_output(poolcli, matrix):
    done = poolcli("unpool", "x.npy", "--indices", "out.npy", "-k", 2)
    assert (done.code, done.err) == (1, MISSING)
