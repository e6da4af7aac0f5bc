"""Every other op against the specification, in every geometry, layout, type and NaN policy."""

import math
from dataclasses import replace

import numpy as np
import pytest

from poolcli import OPS, pool
from poolcli.errors import PoolError
from tests.helpers.cases import Case, random_case
from tests.helpers.every import draws, every
from tests.spec.ops import probabilities
from tests.spec.pooling import naive_blur
from tests.spec.windows import Refused

METHODS = ["linear", "lower", "higher", "nearest", "midpoint"]
PARAMS = {
    "lp": {"norm": [1, 2, 3, 4.5, math.inf], "signed": [False, False, True]},
    "median": {"method": METHODS},
    "quantile": {"q": [0, 0.1, 0.25, 0.5, 1 / 3, 0.9, 1], "method": METHODS},
    "std": {"ddof": [0, 1]},
    "var": {"ddof": [0, 1]},
    "stochastic": {"mode": ["expected"], "negatives": ["error", "relu", "shift"]},
    "gem": {"p": [1, 2, 3, 0.5]},
    "lse": {"r": [1, 0.1, 5, -2]},
    "mixed": {"alpha": [0, 0.25, 0.5, 1]},
}
OTHERS = sorted(set(OPS) - {"max", "min", "avg", "sum", "blur"})
# Relative to the largest cell of the array; squared for a variance.
RELATIVE = {"f2": 2e-3, "f4": 1e-6, "f8": 1e-12}
EACH = 100


def case_of(op: str, seed: int) -> Case:
    case = random_case(seed, op)
    rng = np.random.default_rng([seed, len(op)])
    params = {name: rng.choice(np.array(of, object)) for name, of in PARAMS.get(op, {}).items()}
    if params.get("signed") and params["norm"] != int(min(params["norm"], 9)):
        params["signed"] = False  # the sign of x^4.5 is no real question
    x = case.x
    if op == "stochastic" and rng.random() < 0.7:
        x = np.where(x < 0, 0, x).astype(x.dtype)
        x[np.isneginf(x)] = 0
    return replace(case, x=x, params=params)


def scale_of(case: Case) -> float:
    finite = case.x[np.isfinite(case.x)].astype(np.float64)
    largest = float(np.abs(finite).max(initial=1e-300))
    if case.op == "var":
        return largest**2 if largest < 1e150 else math.inf
    return largest * (case.x.size if case.op == "lp" else 1)


@pytest.mark.parametrize("first", range(0, EACH, 50))
@pytest.mark.parametrize("op", OTHERS)
def test_as_specified(op, first):
    every(draws(50, first), lambda seed: as_specified(op, seed))


def as_specified(op, seed):
    case = case_of(op, seed)
    try:
        expected = case.expected()
    except Refused:
        with pytest.raises(PoolError) as refusal:
            case.run()
        assert "\n" not in str(refusal.value)
        return
    got = case.run()
    assert got.dtype == expected.dtype.newbyteorder("=")
    assert got.shape == expected.shape
    same = (got == expected) | ((got != got) & (expected != expected))
    if got.dtype.kind == "f":
        with np.errstate(all="ignore"):
            apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            same |= apart <= RELATIVE[got.dtype.str[1:]] * scale_of(case)
    assert same.all(), f"{got[~same][:5]} instead of {expected[~same][:5]}"
    rng = np.random.default_rng(seed)
    again = case.run(threads=int(rng.integers(1, 9)), block_bytes=int(rng.choice([1, 50, 333])))
    assert again.tobytes() == got.tobytes()


def test_every_op_is_specified():
    """A new op comes with its specification."""
    for op in OTHERS:
        assert any(answered(case_of(op, seed)) for seed in range(20)), op


def answered(case: Case) -> bool:
    try:
        return case.expected().size > 0
    except Refused:
        return False


@pytest.mark.parametrize("nan", ["propagate", "skip"])
@pytest.mark.parametrize("layout", ["W", "HW", "HWC", "NCHW", "DHW"])
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 1)])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_blur(dtype, size, stride, layout, nan):
    rng = np.random.default_rng(len(layout))
    x = rng.integers(0, 99, [7, 6, 5, 8][: len(layout)]).astype(dtype)
    if dtype != "u1":
        x[rng.random(x.shape) < 0.1] = np.nan
    got = pool(x, "blur", size, stride=stride, layout=layout, nan=nan)
    expected = naive_blur(x, size, stride, layout=layout, nan=nan)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=2e-6 if dtype == "f4" else 1e-13)


def test_draws_follow_their_probabilities():
    """Chi-square of 40,000 windows at a fixed seed, with a zero that may never be drawn."""
    cells = [1.0, 0, 2, 5, 8]
    draws = pool(np.tile(cells, 40_000), "stochastic", len(cells), seed=3)
    expected = {c: 40_000 * float(p) for c, p in zip(cells, probabilities(cells), strict=True)}
    seen = {c: int((draws == c).sum()) for c in cells}
    assert seen[0] == 0
    assert sum(seen.values()) == len(draws)
    chi_square = sum((seen[c] - n) ** 2 / n for c, n in expected.items() if n)
    assert chi_square < 16.3  # three degrees of freedom: one seed in a thousand


def test_draws_depend_on_the_seed_and_the_place_only():
    x = np.random.default_rng(0).random((2, 16, 16, 3), np.float32)
    first = pool(x, "stochastic", 2, seed=1)
    np.testing.assert_array_equal(first, pool(x, "stochastic", 2, seed=1, threads=5))
    np.testing.assert_array_equal(first, pool(x * 4, "stochastic", 2, seed=1) / 4)
    assert (first != pool(x, "stochastic", 2, seed=2)).mean() > 0.5
    alike = pool(np.tile(np.arange(1.0, 5).reshape(2, 2), (16, 16)), "stochastic", 2, seed=1)
    assert len(np.unique(alike)) == 4  # equal windows elsewhere are drawn from anew
