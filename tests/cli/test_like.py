"""What frameworks do by default, and what wins over it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest

from poolcli.frameworks.defaults import find_preset
from poolcli.frameworks.table import TABLE
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]


def report(outcome: Outcome) -> dict[str, Any]:
    """Read the one object that ``--json`` prints."""
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    found: dict[str, Any] = json.loads(outcome.out)
    return found


@pytest.fixture(autouse=True)
def maps() -> None:
    """Make a batch of maps, ``maps.npy``, and a picture, ``photo.png``."""
    np.save("maps.npy", np.arange(2 * 6 * 6 * 8, dtype=np.float32).reshape(2, 6, 6, 8))
    imageio.imwrite("photo.png", np.zeros((8, 6, 3), np.uint8))


# command, what --like changes in it: path of keys, and the value under each framework
CHANGES: list[tuple[str, list[str], dict[str | None, Any]]] = [
    (
        "max -k 2 maps.npy",
        ["input", "layout"],
        {None: "NHWC", "torch": "NCHW", "keras": "NHWC", "onnx": "NCHW"},
    ),
    (
        "max -k 2 maps.npy",
        ["windows", "stride"],
        {None: [2, 2], "torch": [2, 2], "keras": [2, 2], "onnx": [1, 1]},
    ),
    (
        "max -k 2 maps.npy --indices i.npy --overwrite",
        ["indices", "convention"],
        {None: "plane", "torch": "plane", "keras": "channels-last", "onnx": "tensor"},
    ),
    (
        "avg -k 2 -s 2 -p 1 --matrix 4",
        ["values"],
        {None: [[4.0]], "torch": [[1.0]], "keras": [[4.0]], "onnx": [[4.0]]},
    ),
    (
        "lp -k 2 --norm 1 --matrix -2,3;0,0",
        ["values"],
        {None: [[5.0]], "torch": [[1.0]], "keras": [[5.0]], "onnx": [[5.0]]},
    ),
    *(
        (
            f"{command} maps.npy",
            ["input", "layout"],
            {None: "NHWC", "torch": "NCHW", "keras": "NHWC", "onnx": "NCHW"},
        )
        for command in (
            "global max",
            "adaptive max --output-size 2",
            "fractional max --output-size 2",
            "pyramid max --levels 1,2",
        )
    ),
    (
        "max -k 2 photo.png",
        ["input", "layout"],
        {None: "HWC", "torch": "HWC", "keras": "HWC", "onnx": "HWC"},
    ),
    (
        "unpool maps.npy --indices ones.npy -k 2",
        ["windows", "stride"],
        {None: [2, 2], "torch": [2, 2], "keras": [2, 2], "onnx": [1, 1]},
    ),
    ("info maps.npy", ["layout"], {None: "NHWC", "torch": "NCHW", "keras": "NHWC", "onnx": "NCHW"}),
    ("info photo.png", ["layout"], {None: "HWC", "torch": "HWC", "keras": "HWC", "onnx": "HWC"}),
]


@pytest.mark.parametrize(
    ("command", "path", "like", "value"),
    [(command, path, *known) for command, path, values in CHANGES for known in values.items()],
)
def test_what_a_framework_changes(
    poolcli: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    path: list[str],
    like: str | None,
    value: object,
) -> None:
    np.save("ones.npy", np.full((2, 6, 6, 8), -1))
    asked = [*command.split(), "--json"]
    record: Any = report(poolcli(*asked, *([] if like is None else ["--like", like])))
    monkeypatch.setenv("POOLCLI_LIKE", like or "")
    from_variable: Any = report(poolcli(*asked))
    for key in path:
        record, from_variable = record[key], from_variable[key]
    assert record == from_variable == value


@pytest.mark.parametrize("like", TABLE)
def test_every_framework_brings_its_defaults(poolcli: Run, like: str) -> None:
    preset = find_preset(like)
    asked = ["max", "-k", "2", "maps.npy", "--indices", "i.npy", "--like", like, "--json"]
    record = report(poolcli(*asked))
    assert record["input"]["layout"] == preset.layouts[4]
    assert record["windows"]["stride"] == ([1, 1] if preset.unit_stride else [2, 2])
    assert record["indices"]["convention"] == preset.index
    padded = report(
        poolcli("avg", "-k", "2", "-s", "2", "-p", "1", "--matrix", "4", "--like", like, "--json")
    )
    assert padded["values"] == ([[1.0]] if preset.count_include_pad else [[4.0]])


@pytest.mark.parametrize(
    ("command", "path", "value"),
    [
        ("max -k 2 maps.npy --like torch --layout NHWC", ["input", "layout"], "NHWC"),
        ("max -k 2 photo.png --like torch --layout CHW", ["input", "layout"], "CHW"),
        ("max -k 2 maps.npy --like onnx --stride 3", ["windows", "stride"], [3, 3]),
        ("avg -k 2 -p 1 --like torch --no-count-include-pad --matrix 4", ["values"], [[4.0]]),
        ("avg -k 2 -s 2 -p 1 --like onnx --count-include-pad --matrix 4", ["values"], [[1.0]]),
        ("lp -k 2 --norm 1 --like torch --no-signed --matrix -2,3;0,0", ["values"], [[5.0]]),
        ("lp -k 2 --norm 1 --like onnx --signed --matrix -2,3;0,0", ["values"], [[1.0]]),
        (
            "max -k 2 maps.npy --like onnx --index plane --indices i.npy",
            ["indices", "convention"],
            "plane",
        ),
    ],
)
def test_an_option_wins(poolcli: Run, command: str, path: list[str], value: object) -> None:
    record: Any = report(poolcli(*command.split(), "--json"))
    for key in path:
        record = record[key]
    assert record == value


@pytest.mark.parametrize(
    ("option", "like", "layout", "found"),
    [
        (None, "torch", "", "NCHW"),
        (None, "torch", "NHWC", "NHWC"),
        (None, "torch", "HCW", "NCHW"),
        ("torch", "keras", "", "NCHW"),
        ("torch", "", "NHWC", "NCHW"),
        ("keras", "torch", "NCHW", "NHWC"),
    ],
)
def test_which_of_the_variables_wins(
    poolcli: Run,
    monkeypatch: pytest.MonkeyPatch,
    option: str | None,
    like: str,
    layout: str,
    found: str,
) -> None:
    monkeypatch.setenv("POOLCLI_LIKE", like)
    monkeypatch.setenv("POOLCLI_LAYOUT", layout)
    asked = [] if option is None else ["--like", option]
    for command in (["max", "-k", "2"], ["info"]):
        outcome = poolcli(*command, "maps.npy", *asked, "--json")
        assert f'"layout": "{found}"' in outcome.text


def test_blanks_around_a_variable_mean_nothing(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOLCLI_LIKE", " torch ")
    assert "like torch" in poolcli("max", "-k", 2, "maps.npy").text
    monkeypatch.setenv("POOLCLI_LIKE", " ")
    assert poolcli("max", "-k", 2, "maps.npy", "--no-preview").code == 0


@pytest.mark.parametrize("command", ["max -k 2 maps.npy", "info maps.npy"])
def test_a_variable_that_names_nothing(
    poolcli: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("POOLCLI_LIKE", "caffe")
    code, out, err = poolcli(*command.split())
    assert (code, out) == (2, b"")
    known = ", ".join(TABLE)
    assert err == f"poolcli: variable POOLCLI_LIKE: like 'caffe': use {known}\n"


def test_no_warning_where_a_framework_says_the_layout(poolcli: Run) -> None:
    np.save("x.npy", np.zeros((3, 32, 32), np.float32))
    assert "was read as HWC" in poolcli("info", "x.npy").err
    for like in TABLE:
        assert poolcli("info", "x.npy", "--like", like).err == ""
        assert poolcli("max", "-k", 2, "x.npy", "--like", like).err == ""
    assert not list(Path().glob("*.tmp"))


@pytest.mark.parametrize("name", ["pytorch", "PyTorch", "Torch"])
def test_a_framework_by_another_name(
    poolcli: Run, matrix: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    same = poolcli("max", "-k", 2, "x.npy", "--like", "torch")
    assert poolcli("max", "-k", 2, "x.npy", "--like", name) == same
    monkeypatch.setenv("POOLCLI_LIKE", name)
    assert poolcli("max", "-k", 2, "x.npy") == same
