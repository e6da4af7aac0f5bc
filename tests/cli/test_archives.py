"""Archives: which of their arrays are pooled, and what becomes of the small ones beside them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from program import Outcome

Run = Callable[..., Outcome]

ARRAYS = {
    "conv1": np.arange(64.0).reshape(8, 8),
    "labels": np.arange(10, dtype=">i2"),
    "conv2": np.ones((2, 6, 6, 3), np.float32),
    "step": np.array(7),
    "fc": np.eye(4),
}
POOLED = {"conv1": (4, 4), "conv2": (2, 3, 3, 3), "fc": (2, 2)}
NOTE = "arrays of 0 or 1 axes beside larger ones go on as they are"


@pytest.fixture(autouse=True)
def archive(clean_surroundings: None) -> None:
    np.savez("maps.npz", **ARRAYS)


def shapes(path: str) -> dict[str, tuple[int, ...]]:
    with np.load(path) as written:
        return {name: written[name].shape for name in written}


@pytest.mark.parametrize(
    "command",
    [
        *("max -k 2", "adaptive max --output-size 2", "global max --keepdims", "chain;max 2"),
        *("stochastic -k 2", "median -k 2", "pyramid max --levels 1,2"),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_small_arrays_beside_larger_ones_go_on_as_they_are(
    poolcli: Run, command: str, compressed: bool
) -> None:
    if compressed:
        np.savez_compressed("maps.npz", **ARRAYS)
    words = command.split(";") if ";" in command else command.split()
    done = poolcli(*words, "maps.npz", "-o", "out.npz")
    assert done.code == 0, done.err
    assert done.err.count(f"poolcli: hint: maps.npz:labels: {NOTE}") == done.err.count("hint") == 1
    line = "# maps.npz:step  scalar int64 -> scalar int64  goes on as it is  (written to out.npz)\n"
    assert line in done.err
    with np.load("out.npz") as written:
        assert list(written) == list(ARRAYS)
        for name in ("labels", "step"):
            assert written[name].dtype == ARRAYS[name].dtype
            np.testing.assert_array_equal(written[name], ARRAYS[name])
        assert all(written[name].shape != ARRAYS[name].shape for name in POOLED)


def test_what_is_told_of_them(poolcli: Run) -> None:
    objects = poolcli("max", "-k", 2, "maps.npz", "--json", "--jobs", 1).text.splitlines()
    labels = json.loads(objects[1])
    assert labels["label"] == "maps.npz:labels"
    assert (labels["op"], labels["windows"]) == (None, None)
    assert labels["input"] == labels["output"] == {"shape": [10], "dtype": "int16", "layout": ""}
    assert labels["warnings"][0].startswith(NOTE)
    assert labels["values"] == list(range(10))
    planned = poolcli("max", "-k", 2, "maps.npz", "--dry-run").text.splitlines()
    assert planned[1] == "maps.npz:labels  10 int16 -> 10 int16  goes on as it is"
    info = poolcli("info", "maps.npz").text.splitlines()
    assert info[1] == "maps.npz:labels: 10 >i2 (npz, goes on as it is)"
    assert info[3] == "maps.npz:step: scalar int64 (npz, goes on as it is)"
    assert poolcli("max", "-k", 2, "maps.npz", "-o", "q.npz", "-q").err == ""
    assert poolcli("max", "-k", 2, "maps.npz", "-o", "out/").code == 0
    assert shapes("out/maps.npz") == shapes("q.npz")


def test_a_stream_of_arrays_holds_them_too(poolcli: Run) -> None:
    piped = poolcli("max", "-k", 2, "-", "-o", "-", stdin=Path("maps.npz").read_bytes())
    stream = io.BytesIO(piped.out)
    came = [np.load(stream) for _ in ARRAYS]
    assert [array.shape for array in came] == [(4, 4), (10,), (2, 3, 3, 3), (), (2, 2)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], {**POOLED, "labels": (10,), "step": ()}),
        (["--arrays", "*"], {**POOLED, "labels": (10,), "step": ()}),
        (["--arrays", "conv*"], {"conv1": (4, 4), "conv2": (2, 3, 3, 3)}),
        (["--arrays", "conv?", "--arrays", "fc"], POOLED),
        (["--arrays", "[!cf]*s"], {"labels": (5,)}),  # alone they are what is meant
        (["--arrays", "conv1", "--arrays", "labels"], {"conv1": (4, 4), "labels": (10,)}),
    ],
    ids=str,
)
def test_arrays_are_chosen_by_their_names(
    poolcli: Run, options: list[str], expected: dict[str, tuple[int, ...]]
) -> None:
    done = poolcli("max", "-k", 2, "maps.npz", "-o", "out.npz", *options)
    assert done.code == 0, done.err
    assert shapes("out.npz") == expected
    planned = poolcli("max", "-k", 2, "maps.npz", *options, "--dry-run").text.splitlines()
    told = poolcli("info", "maps.npz", *options).text.splitlines()
    piped = poolcli("info", "-", *options, stdin=Path("maps.npz").read_bytes())
    assert len(planned) == len(told) == len(expected)
    assert piped.text == "".join(
        f"{line[len('maps.npz') :]}\n".replace(":", "-:", 1) for line in told
    )


def test_one_that_is_chosen_goes_where_one_goes(poolcli: Run) -> None:
    refused = poolcli("max", "-k", 2, "maps.npz", "-o", "out.npy")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    done = poolcli("max", "-k", 2, "maps.npz", "--arrays", "conv1", "-o", "out.npy")
    assert done.code == 0
    assert np.load("out.npy").tolist() == np.load("maps.npz")["conv1"][1::2, 1::2].tolist()
    typed = ("-k", 2, "maps.npz", "--arrays", "f*")
    assert poolcli("conform", *typed).code == 0
    poolcli("max", *typed, "-o", "pooled.npy", "--indices", "i.npy")
    np.savez("both.npz", values=np.load("pooled.npy"), other=np.eye(9))
    back = poolcli(
        *("unpool", "both.npz", "--arrays", "values", "--indices", "i.npy", "-k", 2, "-o", "b.npy")
    )
    assert back.code == 0, back.err
    assert np.load("b.npy").shape == (4, 4)


def test_conform_leaves_them_out(poolcli: Run) -> None:
    np.savez("maps.npz", conv=np.eye(4), labels=np.arange(4))
    done = poolcli("conform", "-k", 2, "maps.npz")
    assert (done.code, done.err.count("maps.npz:labels: left out")) == (0, 1)


def test_no_array_of_that_name(poolcli: Run) -> None:
    for command in (["max", "-k", "2"], ["info"], ["conform", "-k", "2"]):
        done = poolcli(*command, "maps.npz", "--arrays", "x*", "--arrays", "CONV1")
        assert (done.code, done.err) == (
            1,
            "poolcli: maps.npz: it has no array called x* or CONV1; it has conv1, labels, conv2, "
            "step, fc\n",
        )
    # A name that is typed is the choice.
    assert poolcli("info", "maps.npz:fc", "--arrays", "x*").code == 0


@pytest.mark.parametrize("asked", [["maps.npz:labels"], ["labels.npz"]])
def test_small_arrays_that_are_meant_are_pooled(poolcli: Run, asked: list[str]) -> None:
    np.savez("labels.npz", labels=ARRAYS["labels"])
    assert poolcli("max", "-k", 2, *asked, "-o", "out.npz").code == 0
    assert shapes("out.npz") == {"labels": (5,)}


def test_layout_w_means_them(poolcli: Run) -> None:
    done = poolcli("max", "-k", 2, "maps.npz", "-l", "W", "-o", "out.npz")
    assert done.code == 1  # of the others, which have more axes
    assert shapes("out.npz") == {"labels": (5,)}


def test_other_arrays_are_other_results(poolcli: Run) -> None:
    Path("in").mkdir()
    Path("maps.npz").rename("in/maps.npz")
    typed = ("max", "-k", 2, "in", "-o", "out/", "--resume")
    assert poolcli(*typed).code == 0
    refused = poolcli(*typed, "--arrays", "conv*")
    assert refused.code == 2
    assert "holds results of other options (arrays" in refused.err
