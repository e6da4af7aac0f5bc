"""Windows told one by one, against the readable specification and against pooling itself."""

from __future__ import annotations

import colorsys
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tests.spec.pooling as naive
import tests.spec.windows as naive_windows
from poolcli import formats
from poolcli.analysis import steps
from poolcli.analysis.explain import Explanation, explain
from poolcli.analysis.palette import HUES, INK, hue_of
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Fractional, Geometry, Global, Pyramid, Sliding
from poolcli.ops import OPS
from poolcli.request import Request
from poolcli.unpooling import Unpool

SEED = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
DECIMALS = np.random.default_rng(1).normal(0, 3, (6, 7)).round(2)
HOLES = np.array([[1, np.nan, 2, 4], [5, 6, np.nan, np.nan], [1, 2, np.nan, np.nan]])

# The same windows for the program and for the specification.
GEOMETRIES: list[tuple[Geometry, naive_windows.Geometry]] = [
    (Sliding(2, padding=0), naive_windows.sliding(2)),
    (Sliding(3, 1, 0), naive_windows.sliding(3, 1)),
    (Sliding(3, 2, 1), naive_windows.sliding(3, 2, 1)),
    (Sliding(2, 1, 0, 2), naive_windows.sliding(2, 1, 0, 2)),
    (Sliding(3, 2, 0, ceil_mode=True), naive_windows.sliding(3, 2, ceil_mode=True)),
    (Sliding((2, 3), 3, ((1, 0), (0, 2))), naive_windows.sliding((2, 3), 3, ((1, 0), (0, 2)))),
    (Sliding(1, 4, 0), naive_windows.sliding(1, 4)),
    (Global(), naive_windows.whole()),
    (Adaptive(4), naive_windows.adaptive(4)),
    (Fractional(3, 2, samples=(0.3, 0.6)), naive_windows.fractional(2, 3, (0.3, 0.6))),
]


def one(op: str, geometry: Geometry, x: Any, **asked: Any) -> Explanation:
    """Explain where there is one grid of windows."""
    (explanation,) = explain(Request(op, geometry, **asked), np.asarray(x))
    return explanation


def texts(op: str, geometry: Geometry, x: Any = SEED, **asked: Any) -> list[str]:
    return [step.text for step in one(op, geometry, x, **asked).steps()]


@pytest.mark.parametrize(
    ("op", "params", "text"),
    [
        ("max", {}, "max(1, 3, 5, 6) = 6"),
        ("min", {}, "min(1, 3, 5, 6) = 1"),
        ("avg", {}, "(1 + 3 + 5 + 6) / 4 = 3.75"),
        ("sum", {}, "1 + 3 + 5 + 6 = 15"),
        ("lp", {}, "(1² + 3² + 5² + 6²)^(1/2) ≈ 8.426"),
        ("lp", {"norm": 1.0}, "1 + 3 + 5 + 6 = 15"),
        ("lp", {"norm": 3.0}, "(1^3 + 3^3 + 5^3 + 6^3)^(1/3) ≈ 7.173"),
        ("lp", {"norm": math.inf}, "max(|1|, |3|, |5|, |6|) = 6"),
        ("rms", {}, "((1² + 3² + 5² + 6²) / 4)^(1/2) ≈ 4.213"),
        ("median", {}, "sorted 1, 3, 5, 6: (3 + 5) / 2 = 4"),
        ("median", {"method": "lower"}, "sorted 1, 3, 5, 6: the 2nd = 3"),
        ("median", {"method": "higher"}, "sorted 1, 3, 5, 6: the 3rd = 5"),
        ("quantile", {"q": 0.9}, "sorted 1, 3, 5, 6: 5 + 0.7 · (6 − 5) = 5.7"),
        ("quantile", {"q": 1.0}, "sorted 1, 3, 5, 6: the 4th = 6"),
        ("mode", {}, "sorted 1, 3, 5, 6: each once, the smallest = 1"),
        ("range", {}, "6 − 1 = 5"),
        ("var", {}, "((1 − 3.75)² + (3 − 3.75)² + (5 − 3.75)² + (6 − 3.75)²) / 4 = 3.6875"),
        ("stochastic", {}, "drew 6 with 6/15"),
        (
            "stochastic",
            {"mode": "expected"},
            "(1² + 3² + 5² + 6²) / (1 + 3 + 5 + 6) ≈ 4.733",
        ),
        ("gem", {}, "((1^3 + 3^3 + 5^3 + 6^3) / 4)^(1/3) ≈ 4.518"),
        ("soft", {}, "(1·e^1 + 3·e^3 + 5·e^5 + 6·e^6) / (e^1 + e^3 + e^5 + e^6) ≈ 5.613"),
        ("lse", {}, "log((e^1 + e^3 + e^5 + e^6) / 4) ≈ 4.967"),
        ("mixed", {}, "0.5 · 6 + 0.5 · (1 + 3 + 5 + 6) / 4 = 4.875"),
        ("blur", {}, "(1 + 3 + 5 + 6) / 4 = 3.75"),
        ("subsample", {}, "the first of 1, 3, 5, 6 = 1"),
    ],
)
def test_arithmetic_of_the_first_window(op: str, params: dict[str, Any], text: str) -> None:
    assert texts(op, Sliding(2), params=params)[0] == text


def test_every_op_says_its_arithmetic() -> None:
    assert [op.name for op in OPS.values() if op.equation is None] == []


@pytest.mark.parametrize(
    ("op", "geometry", "x", "asked", "expected"),
    [
        ("sum", Sliding(2), [[2.0, -4.0], [0.5, -1.0]], {}, "2 + (−4) + 0.5 + (−1) = −2.5"),
        ("avg", Sliding(3), np.arange(9).reshape(3, 3) / 8, {"nan": "skip"}, " / 9 = 0.5"),
        ("avg", Sliding((1, 3)), [[1, 3, 6]], {}, "(1 + 3 + 6) / 3 ≈ 3.333"),
        ("max", Sliding((1, 2)), [[1 / 3, 0.1]], {}, "max(0.3333, 0.1) ≈ 0.3333"),
        ("avg", Global(), np.ones((64, 64)), {}, "avg of 4096 values = 1"),
        ("max", Sliding(2), HOLES[:2, :2], {}, "max(1, nan, 5, 6) = nan"),
        ("max", Sliding(2), HOLES[:2, :2], {"nan": "skip"}, "max(1, 5, 6) = 6"),
        ("max", Sliding(2), HOLES[1:, 2:], {"nan": "skip"}, "no cell counts = nan"),
        ("avg", Sliding(2), [[1, -9], [3, 5]], {"nodata": -9}, "(1 + 3 + 5) / 3 = 3"),
        ("avg", Sliding(2), [[-9, -9], [-9, -9]], {"nodata": -9}, "no cell counts = −9"),
        (
            "avg",
            Sliding(2),
            [[1, -9], [-9, -9]],
            {"nodata": -9, "min_valid": 0.5},
            "only 1 of 4 there = −9",
        ),
        ("avg", Sliding(2, padding=1), [[8]], {"count_include_pad": True}, "8 / 4 = 2"),
        ("avg", Sliding(2), [[1, 3], [5, 6]], {"divisor": 2.5}, "(1 + 3 + 5 + 6) / 2.5 = 6"),
        ("median", Sliding((1, 3)), [[1.0, np.nan, 2.0]], {}, "1, nan, 2: one is nan = nan"),
        ("mode", Sliding((1, 3)), [[1.0, np.nan, 1.0]], {}, "1, nan, 1: one is nan = nan"),
        ("stochastic", Sliding((1, 2)), [[1.0, np.nan]], {}, "1, nan: one is nan = nan"),
        ("mode", Sliding(2), [[2, 4], [1, 2]], {}, "sorted 1, 2, 2, 4: 2 times = 2"),
        ("max", Sliding((1, 2)), [[True, False]], {}, "max(1, 0) = 1"),
        ("avg", Sliding((1, 3)), np.float16([[1, 0, 0]]), {}, "(1 + 0 + 0) / 3 ≈ 0.3333"),
        ("sum", Sliding((1, 2)), [[1e20, 1e-9]], {}, "1e20 + 1e−9 = 1e20"),
        ("stochastic", Sliding(2), np.zeros((2, 2)), {}, "drew 0, as all are alike"),
        (
            "stochastic",
            Sliding(2),
            np.full((2, 2), 7),
            {"params": {"mode": "expected", "negatives": "shift"}},
            "all alike = 7",
        ),
        ("blur", Sliding(3), [[1, 2, 3]] * 3, {}, "(4·2 + 4·1 + 4·2 + 4·1) / 16 = 1.5"),
    ],
)  # fmt: skip
def test_arithmetic_of_odd_windows(
    op: str, geometry: Geometry, x: Any, asked: dict[str, Any], expected: str
) -> None:
    text = texts(op, geometry, x, **asked)[0]
    if op == "blur":  # its cells are mirrored: the weights of both meet in one term
        assert eval(_python(text.split(" = ")[0])) == pytest.approx(float(text.split(" = ")[1]))
    else:
        assert text.endswith(expected)


def _python(formula: str) -> str:
    """The left side of an equation as Python."""
    formula = re.sub(r"\|([^|]+)\|", r"abs(\1)", formula)
    for sign, python in (("−", "-"), ("·", "*"), ("²", "**2"), ("^", "**")):
        formula = formula.replace(sign, python)
    return formula


@pytest.mark.parametrize("geometry", [Sliding((2, 3)), Sliding(3, 2, 1), Adaptive(4)])
@pytest.mark.parametrize(
    ("op", "params"),
    [
        *((name, {}) for name in ("max", "min", "avg", "sum", "lp", "rms", "range", "var", "std")),
        *((name, {}) for name in ("soft", "lse", "mixed", "blur", "gem")),
        ("lp", {"norm": 3.0}),
        ("lp", {"norm": 3.0, "signed": True}),
        ("lp", {"norm": math.inf}),
        ("var", {"ddof": 1}),
        ("gem", {"p": 2.0, "eps": 0.5}),
        ("lse", {"r": 0.25}),
        ("mixed", {"alpha": 0.3}),
        ("median", {}),
        ("quantile", {"q": 0.35}),
        ("quantile", {"q": 0.35, "method": "midpoint"}),
        ("stochastic", {"mode": "expected", "negatives": "shift"}),
        ("stochastic", {"mode": "expected", "negatives": "relu"}),
    ],
)
def test_the_left_side_comes_to_the_right_one(
    op: str, params: dict[str, Any], geometry: Geometry
) -> None:
    """Arithmetic in words, done by Python: numbers in it may be rounded to four digits."""
    for step in one(op, geometry, DECIMALS, params=params).steps():
        left = re.split(" [=≈] ", step.text)[0].split(": ")[-1]
        if left == "all alike":
            continue
        if nth := re.fullmatch(r"the (\d+)(st|nd|rd|th)", left):
            value = sorted(step.values)[int(nth[1]) - 1]
        else:
            names = {"e": math.e, "log": math.log, "max": max, "min": min, "abs": abs}
            value = eval(_python(left), names)
        if isinstance(value, complex):  # an odd root of a negative sum, which has none
            assert np.isnan(step.result)
        else:
            assert value == pytest.approx(float(step.result), rel=2e-3, abs=2e-3)


@pytest.mark.parametrize(("geometry", "windows"), GEOMETRIES)
@pytest.mark.parametrize("op", OPS)
def test_steps_are_pooling(op: str, geometry: Geometry, windows: naive_windows.Geometry) -> None:
    """Cells and values are the specification's, results and winners the engine's own."""
    x = np.abs(DECIMALS)
    request = Request(op, geometry)
    plan = request.plan(x.shape, x.dtype)
    pooled, explanation = plan.run(x), one(op, geometry, x)
    indices = plan.winners(x) if OPS[op].winner is not None else None
    rows = windows(x.shape)
    assert explanation.shape == pooled.shape
    for step in explanation.steps():
        assert step.result == pooled[step.at] or np.isnan(step.result)
        if not explanation.mirrors:
            assert list(step.cells) == naive.cells_of(rows, step.at)
        assert [x[cell] for cell in step.cells] == step.values.tolist()
        assert step.hue == hue_of(step.at)
        if step.winner is not None:
            assert step.winner in step.cells
            assert x[step.winner] == step.result
        if indices is not None and step.winner is not None:
            assert np.ravel_multi_index(step.winner, x.shape) == indices[step.at]
        if OPS[op].winner is not None and op != "median":
            assert step.winner is not None
    covered = {cell for step in explanation.steps() for cell in naive.cells_of(rows, step.at)}
    for cell in np.ndindex(x.shape):
        assert explanation.is_dropped(cell) == (cell not in covered)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("nan", ["propagate", "skip"])
def test_a_part_of_the_windows_is_pooled_as_all_of_them(
    op: str, nan: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of large arrays a few windows are pooled at a time, with the same draws and winners."""
    x = np.abs(np.random.default_rng(2).normal(0, 5, (21, 30)).round(1))
    x[3, 4] = np.nan
    params = {"seed": 7} if op == "stochastic" else {}
    if op == "stochastic" and nan == "propagate":
        x[3, 4] = 1
    whole = list(one(op, Sliding(3, 2, 1), x, nan=nan, params=params).steps())
    monkeypatch.setattr(steps, "LITTLE_WORK", 0)
    parts = list(one(op, Sliding(3, 2, 1), x, nan=nan, params=params).steps())
    assert [(step.text, step.winner) for step in parts] == [
        (step.text, step.winner) for step in whole
    ]
    pooled = Request(op, Sliding(3, 2, 1), nan=nan, params=params).plan(x.shape, x.dtype).run(x)
    assert np.array_equal([step.result for step in parts], pooled.reshape(-1), equal_nan=True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("geometry", [Sliding(2), Sliding(3, 1), Adaptive(3), Global()])
def test_draws_are_those_of_pooling(seed: int, geometry: Geometry) -> None:
    # All values differ, so that the value says which cell was drawn.
    x = np.random.default_rng(seed).permutation(30).reshape(5, 6)
    params = {"seed": seed}
    request = Request("stochastic", geometry, params=params)
    pooled = request.plan(x.shape, x.dtype).run(x)
    for step in one("stochastic", geometry, x, params=params).steps():
        assert step.winner is not None
        assert x[step.winner] == pooled[step.at] == step.result
        assert step.probabilities is not None
        np.testing.assert_allclose(step.probabilities, step.values / step.values.sum())
        mean = (step.values**2).sum() / step.values.sum()
        assert step.expected == pytest.approx(mean)


@pytest.mark.parametrize(
    ("values", "negatives", "probabilities"),
    [
        ([0, 0, 0, 0], "error", [1, 0, 0, 0]),
        ([-1, 2, 3, -4], "relu", [0, 0.4, 0.6, 0]),
        ([-1, 2, 3, -4], "shift", [3 / 16, 6 / 16, 7 / 16, 0]),
        ([1, np.inf, 2, np.inf], "error", [0, 0.5, 0, 0.5]),
        ([1, np.inf, 2, -np.inf], "shift", [0, 1, 0, 0]),
        ([1, 5, 2, -np.inf], "shift", [1 / 3, 1 / 3, 1 / 3, 0]),
        ([1, np.nan, 3, np.nan], "error", [0.25, 0, 0.75, 0]),
        ([1e300, 1e300, 2e300, 0], "error", [0.25, 0.25, 0.5, 0]),
    ],
)
def test_probabilities(values: list[float], negatives: str, probabilities: list[float]) -> None:
    params = {"negatives": negatives}
    explanation = one("stochastic", Global(), [values], nan="skip", params=params)
    (step,) = explanation.steps()
    assert step.probabilities is not None
    np.testing.assert_allclose(step.probabilities, probabilities)


@pytest.mark.parametrize(
    ("geometry", "n", "formulas"),
    [
        (Sliding(2), 4, ["⌊(4 − 2) / 2⌋ + 1 = 2"]),
        (Sliding(3, 2, 1), 4, ["⌊(4 + 1 + 1 − 3) / 2⌋ + 1 = 2"]),
        (Sliding(3, ceil_mode=True), 4, ["⌈(4 − 3) / 3⌉ + 1 = 2"]),
        (Sliding(2, 2, 1, ceil_mode=True), 3, ["⌈(3 + 1 + 1 − 2) / 2⌉ + 1 − 1 = 2"]),
        (Sliding(2, 1, 0, 2), 5, ["(2 − 1) · 2 + 1 = 3", "⌊(5 − 3) / 1⌋ + 1 = 3"]),
        (Sliding(3, 2, "same"), 5, ["⌊(5 + 1 + 1 − 3) / 2⌋ + 1 = 3"]),
        (Sliding(3, 2, "same", ceil_mode=True), 4, ["⌊(4 + 0 + 1 − 3) / 2⌋ + 1 = 2"]),
        (Global(), 7, ["one window of all 7 = 1"]),
        (Adaptive(3), 6, ["3 windows of 6 / 3 = 2 cells"]),
        (
            Adaptive(3),
            7,
            ["3 windows of the cells ⌊i · 7 / 3⌋ … ⌈(i + 1) · 7 / 3⌉ − 1: 0–2, 2–4, 4–6"],
        ),
        (
            Fractional(3, 2, samples=(0.5,)),
            7,
            ["3 windows from ⌊(i + u) · α⌋ − ⌊u · α⌋, α = (7 − 2) / (3 − 1): 0–1, 2–3, 5–6"],
        ),
    ],
)
def test_formulas(geometry: Geometry, n: int, formulas: list[str]) -> None:
    (axis,) = one("max", geometry, np.ones(n)).axes
    assert [text for text in (axis.effective_text, axis.text) if text] == formulas


@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("word", [None, "same", "same-lower", "center"])
def test_formulas_are_true(ceil_mode: bool, word: str | None) -> None:
    sizes = itertools.product(range(1, 9), (1, 2, 3), (1, 2, 3, 4), (0, 1), (1, 2))
    seen = 0
    for n, size, stride, padding, dilation in sizes:
        geometry = Sliding(size, stride, word or padding, dilation, ceil_mode)
        try:
            (axis,) = one("max", geometry, np.ones(n)).axes
        except InputError:
            continue
        for text in filter(None, (axis.text, axis.effective_text)):
            left, right = text.replace("−", "-").replace("·", "*").split(" = ")
            for mark, call in (("⌊", "floor("), ("⌈", "ceil("), ("⌋", ")"), ("⌉", ")")):
                left = left.replace(mark, call)
            assert eval(left, {"floor": math.floor, "ceil": math.ceil}) == int(right)
        assert axis.text.endswith(f"= {axis.output}")
        seen += 1
    assert seen > 50


def test_levels_of_a_pyramid_share_one_output() -> None:
    asked = Request("max", Pyramid((1, 2)))
    pooled = asked.plan(SEED.shape, SEED.dtype).run(SEED)
    levels = explain(asked, SEED)
    steps = [step for level in levels for step in level.steps()]
    assert [step.output_at for step in steps] == [(0,), (1,), (2,), (3,), (4,)]
    assert [step.result for step in steps] == pooled.tolist()
    assert [level.position_of((3,)) for level in levels] == [None, (1, 0)]


@pytest.mark.parametrize(
    "windows", [{"size": 2}, {"size": 2, "output_size": 4}, {"output_size": 4}]
)
def test_unpooling_goes_back(windows: dict[str, Any]) -> None:
    plan = Request("max", Sliding(2)).plan(SEED.shape, SEED.dtype)
    pooled, indices = plan.run(SEED), plan.winners(SEED)
    (explanation,) = explain(Unpool(indices, **windows), pooled)
    assert explanation.unpools
    assert (
        explanation.cells.tolist()
        == Unpool(indices, 2).plan(pooled.shape, pooled.dtype).run(pooled).tolist()
    )
    for step, forwards in zip(
        explanation.steps(), one("max", Sliding(2), SEED).steps(), strict=True
    ):
        assert (step.winner, step.result) == (forwards.winner, forwards.result)
        assert step.text == f"{step.result} goes to [{step.winner[0]},{step.winner[1]}]"


def test_values_without_a_place_go_nowhere() -> None:
    (explanation,) = explain(Unpool(np.array([[5, -1]]), (2, 2)), np.array([[6.0, np.nan]]))
    assert [step.text for step in explanation.steps()] == ["6 goes to [1,1]", "nan goes nowhere"]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "HWC", "CHW", "CW", "NCDHW"])
def test_the_first_plane_is_told(layout: str) -> None:
    shape = tuple({"N": 2, "C": 3, "D": 4, "H": 5, "W": 6}[letter] for letter in layout)
    x = np.random.default_rng(0).integers(0, 100, shape)
    first = x[tuple(0 if letter in "NC" else slice(None) for letter in layout)]
    request = Request("stochastic", Sliding(2), layout=layout)
    pooled = request.plan(x.shape, x.dtype).run(x)
    (explanation,) = explain(request, x)
    assert np.array_equal(explanation.cells, first)
    assert np.array_equal(
        explanation.results,
        pooled[tuple(0 if letter in "NC" else slice(None) for letter in layout)],
    )
    sizes = {"channels": 3, "batch": 2}
    wanted = {"C": "channels", "N": "batch"}
    assert explanation.planes == {wanted[c]: sizes[wanted[c]] for c in layout if c in "NC"}


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", ">i2", "<f2", "?"])
def test_an_array_on_disk_is_told_like_one_in_memory(
    tmp_path: Path, order: str, dtype: str
) -> None:
    x = np.random.default_rng(0).integers(0, 2, (3, 6, 8)).astype(dtype, order=order)
    np.save(tmp_path / "x.npy", x)
    (loaded,) = formats.read_file(str(tmp_path / "x.npy"))
    request = Request("max", Sliding(2), layout="CHW")
    assert not isinstance(loaded.content, np.ndarray)
    (stored,), (whole,) = explain(request, loaded.content), explain(request, x)
    assert [step.text for step in stored.steps()] == [step.text for step in whole.steps()]
    assert [step.winner for step in stored.steps()] == [step.winner for step in whole.steps()]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 4, 4), "batch: the axis is empty (0 cells): nothing to tell"),
        ((1, 0, 4), "height: the axis is empty (0 cells), so no window holds a real cell"),
    ],
)
def test_what_cannot_be_told(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError) as caught:
        explain(Request("max", Sliding(2), layout="NHW"), np.ones(shape))
    assert str(caught.value) == message


def test_neighbours_never_share_a_hue() -> None:
    for i, j in itertools.product(range(5), range(5)):
        for di, dj in ((0, 1), (1, 0), (1, 1), (1, -1)):
            assert hue_of((i, j)) != hue_of((i + di, j + dj))
    assert len({hue_of((i,)) for i in range(4)}) == 4


def test_hues_can_be_told_apart_and_read() -> None:
    angles = []
    for hue in HUES:
        for colour in (hue.strong, hue.tint):
            assert _contrast(colour, INK) >= 4.5
        strong, tint = (_angle(colour) for colour in (hue.strong, hue.tint))
        assert abs(strong - tint) < 12  # one hue in two strengths
        angles.append(strong)
    for a, b in itertools.combinations(angles, 2):
        assert min(abs(a - b), 360 - abs(a - b)) >= 30


def _channels(colour: str) -> list[float]:
    return [value / 255 for value in bytes.fromhex(colour[1:])]


def _angle(colour: str) -> float:
    return 360 * colorsys.rgb_to_hls(*_channels(colour))[0]


def _contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio."""
    lights = []
    for colour in (one, other):
        linear = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)
        ]
        lights.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(lights) + 0.05) / (min(lights) + 0.05)


def test_windows_that_cut_cells_say_how_much_of_each_counts() -> None:
    request = Request("avg", Adaptive(2, by_area=True))
    (found,) = explain(request, np.array([[1, 2, 3], [4, 5, 6], [7, 8, -9]]))
    assert found.step((0, 1)).text == "(0.5·2 + 3 + 0.25·5 + 0.5·6) / 2.25 ≈ 3.667"
    assert found.step((1, 1)).text == "(0.25·5 + 0.5·6 + 0.5·8 + (−9)) / 2.25 ≈ −0.3333"
    assert found.axes[0].text.startswith("2 windows of 3 / 2 cells")
    request = Request("sum", Adaptive((3,), by_area=True), nodata=7.0)
    (found,) = explain(request, np.array([6, 7, 9, 1]))
    assert found.step((0,)).text == "6 = 6"
    assert found.step((1,)).text == "(2/3)·9 = 6"
