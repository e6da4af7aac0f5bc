"""Every family of windows on the command line, against the library and against numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli as library
from poolcli.cli.declare import long_flag
from poolcli.families import FAMILIES as TABLE
from poolcli.families import SLIDING
from poolcli.ops import OPS
from poolcli.request import Request
from tests.helpers.program import Outcome

Run = Callable[..., Outcome]

# Options, and the same as a call of the library.
FAMILIES: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "": ("-k 2 -s 1", lambda x, op: library.pool(x, op, 2, stride=1)),
    "global": ("", lambda x, op: library.global_pool(x, op)),
    "adaptive": ("--output-size 3x2", lambda x, op: library.adaptive_pool(x, op, (3, 2))),
    "fractional": (
        "--output-size 3 --size 2 --seed 5",
        lambda x, op: library.fractional_pool(x, op, 3, size=2, seed=5),
    ),
    "pyramid": ("--levels 1,2,3x1", lambda x, op: library.pyramid_pool(x, op, [1, 2, (3, 1)])),
}


@pytest.mark.parametrize("name", TABLE)
def test_every_family_does_what_its_row_says(poolcli: Run, name: str) -> None:
    """By the example of its own help, beside the geometry of the row."""
    family = TABLE[name]
    x = np.random.default_rng(1).random((40, 40, 2))
    np.save("x.npy", x)
    needed = [param for param in family.params if param.name in family.usage]
    typed = [word for p in needed for word in (long_flag(p), family.usage[p.name])]
    read = {p.name: p.read(family.usage[p.name], "") for p in needed}
    request = Request("max", family.geometry(**read))
    command = "max" if family is SLIDING else f"{name} max"
    done = poolcli(*command.split(), *typed, "x.npy", "-o", "y.npy", "--json")
    assert (done.code, done.err) == (0, "")
    record, plan = json.loads(done.text), request.plan(x.shape, x.dtype)
    np.testing.assert_array_equal(np.load("y.npy").reshape(plan.output_shape), plan.run(x))
    assert record["windows"] == plan.as_json()["windows"]
    assert record["windows"]["kind"] == name


@pytest.mark.parametrize("op", list(OPS))
@pytest.mark.parametrize("family", FAMILIES)
def test_every_op_in_every_family(poolcli: Run, matrix: Path, family: str, op: str) -> None:
    options, function = FAMILIES[family]
    outcome = poolcli(*family.split(), op, *options.split(), matrix, "-o", "y.npy")
    assert outcome.code == 0, outcome.err
    np.testing.assert_array_equal(np.load("y.npy"), function(np.load(matrix), op))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("adaptive max --output-size 2", [[6, 4], [4, 4]]),
        ("adaptive avg --output-size 1x4", [[2.25, 3.75, 1.5, 2.75]]),
        ("adaptive sum --output-size 3", [[15, 12, 9], [17, 11, 4], [9, 9, 8]]),
        ("adaptive lp --norm inf --output-size 1", [[6]]),
        (
            "fractional max --output-size 4",
            [[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]],
        ),
        ("fractional min --output-size 1 --size 3", [[0]]),
        ("pyramid max --levels 1", [6]),
        ("pyramid max --levels 1,2", [6, 6, 4, 4, 4]),
        ("pyramid avg --levels 2x1,1x2", [3.0, 2.125, 3.0, 2.125]),
    ],
)
def test_numbers(poolcli: Run, matrix: Path, arguments: str, expected: object) -> None:
    outcome = poolcli(*arguments.split(), matrix, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["values"] == expected


@pytest.mark.parametrize(
    ("arguments", "windows", "output"),
    [
        (
            "adaptive max --output-size 3x2",
            {"kind": "adaptive", "output_size": [3, 2], "by_area": False},
            [3, 2],
        ),
        (
            "fractional max --output-size 3 --size 2 --seed 7",
            {"kind": "fractional", "output_size": [3, 3], "size": [2, 2], "seed": 7},
            [3, 3],
        ),
        ("pyramid max --levels 1,2x3", {"kind": "pyramid", "levels": [[1, 1], [2, 3]]}, [7]),
        ("global max", {"kind": "global"}, []),
    ],
)
def test_json_says_what_the_windows_came_to(
    poolcli: Run, matrix: Path, arguments: str, windows: object, output: list[int]
) -> None:
    record = json.loads(poolcli(*arguments.split(), matrix, "--json").out)
    assert record["op"] == "max"
    assert record["windows"] == windows
    assert record["output"]["shape"] == output
    assert "indices" not in record


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("adaptive max --output-size 3", "adaptive max to 3x3"),
        ("fractional max --output-size 3 --seed 7", "fractional max to 3x3 size 2 seed 7"),
        ("fractional stochastic --output-size 3 --seed 7", "stochastic to 3x3 size 2 seed 7"),
        ("pyramid avg --levels 1,2x3", "4x4 HW int64 -> 7 W float64  pyramid avg levels 1,2x3"),
        ("max -k 2 --like onnx", "max 2x2 stride 1 like onnx"),
        ("blur -k 3 -s 2", "blur 3x3 stride 2"),
        ("avg -k 2 --nan skip --min-valid 0.5", "avg 2x2 stride 2 nan skip min-valid 0.5"),
        ("lp -k 2 --signed", "lp 2x2 stride 2 signed True"),
        ("avg -k 2 --divisor 1e300", "avg 2x2 stride 2 divisor 1e+300"),
        ("avg -k 2 --divisor 8", "avg 2x2 stride 2 divisor 8"),
    ],
)
def test_the_report_line(poolcli: Run, matrix: Path, arguments: str, said: str) -> None:
    outcome = poolcli(*arguments.split(), matrix, "--no-preview")
    assert outcome.text.rstrip().endswith(said)


@pytest.mark.parametrize(
    ("family", "options", "shape"),
    [
        ("adaptive", "--output-size 2", (5, 2, 2, 3)),
        ("fractional", "--output-size 2", (5, 2, 2, 3)),
        ("pyramid", "--levels 1,2", (5, 5, 3)),
        ("global", "", (5, 3)),
    ],
)
def test_batches_and_channels(
    poolcli: Run, family: str, options: str, shape: tuple[int, ...]
) -> None:
    np.save("maps.npy", np.arange(5 * 6 * 8 * 3).reshape(5, 6, 8, 3))
    assert poolcli(family, "max", *options.split(), "maps.npy", "-o", "y.npy").code == 0
    assert np.load("y.npy").shape == shape
    first = poolcli(family, "max", *options.split(), "maps.npy", "-l", "NCHW", "--json")
    assert json.loads(first.out)["input"]["layout"] == "NCHW"


def test_one_seed_for_windows_and_draws(poolcli: Run, matrix: Path) -> None:
    drawn = [
        poolcli("fractional", "stochastic", "--output-size", 2, "--seed", seed, matrix).out
        for seed in (0, 0, 1, 2, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 2


MISSING = "1 nan 3 nan; 5 6 nan nan"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["NaN", "NaN"]),
        ("--nan propagate", ["NaN", "NaN"]),
        ("--nan skip", [6.0, 3.0]),
        ("--nan skip --min-valid 0.5", [6.0, "NaN"]),
        ("--nan skip --min-valid 0.75", [6.0, "NaN"]),
        ("--nan skip --min-valid 1", ["NaN", "NaN"]),
        ("--nodata 6 --nan skip", [5.0, 3.0]),
        ("--nodata nan", [6.0, 3.0]),
        ("--nodata 3 --nan skip", [6.0, 3.0]),
    ],
)
@pytest.mark.parametrize("family", ["max -k 2", "adaptive max --output-size 1x2"])
def test_missing_values(poolcli: Run, family: str, options: str, expected: list[Any]) -> None:
    outcome = poolcli(*family.split(), *options.split(), "--matrix", MISSING, "--json")
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["values"] == [expected]


@pytest.mark.parametrize(
    "family",
    [
        "max -k 2",
        "global max",
        "adaptive max --output-size 1",
        "fractional max --output-size 1",
        "pyramid max --levels 1",
    ],
)
def test_nan_is_refused_where_asked(poolcli: Run, family: str) -> None:
    code, out, err = poolcli(*family.split(), "--nan", "error", "--matrix", MISSING)
    assert (code, out) == (1, b"")
    assert err == "poolcli: --matrix: NaN at height 0, width 1; use --nan skip or --nan propagate\n"


def test_min_valid_needs_something_missing(poolcli: Run, matrix: Path) -> None:
    code, out, err = poolcli("max", "-k", 2, "--min-valid", 0.5, matrix)
    assert (code, out) == (2, b"")
    assert "needs --nan skip or --nodata" in err


def test_a_pyramid_of_a_picture_is_written_as_it_is_stored(poolcli: Run) -> None:
    import imageio.v3 as imageio

    imageio.imwrite("photo.png", np.arange(48, dtype=np.uint8).reshape(6, 8))
    outcome = poolcli("pyramid", "avg", "--levels", "1,2", "photo.png", "-o", "y.npy")
    assert outcome.code == 0, outcome.err
    assert np.load("y.npy").tolist() == [23.5, 9.5, 13.5, 33.5, 37.5]
    whole = ("--dtype", "uint8", "--clip")
    poolcli("pyramid", "avg", "--levels", "1,2", "photo.png", *whole, "-o", "z.npy")
    assert np.load("z.npy").tolist() == [24, 10, 14, 34, 38]


@pytest.mark.parametrize(("shape", "result"), [((0, 4, 4, 3), (0, 5, 3)), ((4, 4, 0), (5, 0))])
def test_a_pyramid_of_nothing_has_its_shape(
    poolcli: Run, shape: tuple[int, ...], result: tuple[int, ...]
) -> None:
    np.save("x.npy", np.zeros(shape))
    outcome = poolcli("pyramid", "max", "--levels", "1,2", "x.npy", "-o", "y.npy")
    assert (outcome.code, np.load("y.npy").shape) == (0, result), outcome.err
    assert library.pyramid_pool(np.zeros(shape), "max", [1, 2]).shape == result
