"""Mirrored windows of any size: exact binomial weights, and no more places than one period."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from poolcli import pool
from poolcli.engine.mirrored import binomial_weights, mirror, mirror_period
from poolcli.errors import InputError
from poolcli.geometry import Sliding
from poolcli.request import Request
from tests.helpers.every import every
from tests.spec.pooling import naive_blur


@pytest.mark.parametrize("period", [1, 2, 3, 4, 14, 700, 10**6])
def test_weights_are_the_nearest_floats(period):
    sizes = (*range(1, 40), 200, 1075, 1280, 1281, 1282, 3000)
    every(sizes, lambda size: weights_are_the_nearest_floats(size, period))


def weights_are_the_nearest_floats(size, period):
    exact = [Fraction(0)] * min(size, period)
    coefficient = 1
    for m in range(size):
        exact[m % period] += coefficient
        coefficient = coefficient * (size - 1 - m) // (m + 1)
    nearest = [float(total / 2 ** (size - 1)) for total in exact]
    assert binomial_weights(size, period).tolist() == nearest


@pytest.mark.parametrize("size", [10**6, 2**28 + 1])
def test_large_weights_follow_the_bell(size):
    """De Moivre–Laplace, with the next term of Stirling's series for the middle."""
    weights = binomial_weights(size, 3000)
    assert math.isclose(math.fsum(weights), 1, rel_tol=1e-15)
    period, spread = 3000, (size - 1) / 4
    middle = (size - 1) / 2 % period
    away = np.arange(period) - middle
    turns = np.arange(-30, 31)[:, None] * period
    bell = np.exp(-((away + turns) ** 2) / (2 * spread)) / math.sqrt(2 * math.pi * spread)
    np.testing.assert_allclose(weights, bell.sum(axis=0), atol=2 / size**1.5, rtol=2e-6)


@pytest.mark.parametrize(
    ("n", "dilation"), [(1, 1), (2, 1), (2, 3), (5, 1), (5, 2), (5, 6), (9, 4)]
)
def test_the_period_of_mirrored_cells(n, dilation):
    period = mirror_period(n, dilation)
    cells = mirror(np.arange(-5, 60 * period) * dilation, n)
    assert (cells[period:] == cells[:-period]).all()
    shorter = [p for p in range(1, period) if (cells[p:] == cells[:-p]).all()]
    assert not [p for p in shorter if mirror_period(n, 1) == period]


@pytest.mark.parametrize("nan", ["propagate", "skip"])
@pytest.mark.parametrize(("shape", "size"), [((5,), 40), ((2, 3), 9), ((1, 4), 12), ((3, 3), 17)])
def test_windows_of_several_periods(shape, size, nan):
    x = np.random.default_rng(3).standard_normal(shape)
    x.flat[1] = np.nan if nan == "skip" else np.inf
    got = pool(x, "blur", size, stride=2, nan=nan, layout="HW"[-x.ndim :])
    expected = naive_blur(x, size, 2, nan=nan, layout="HW"[-x.ndim :])
    np.testing.assert_allclose(got, expected, rtol=1e-15)


def test_what_is_far_from_the_middle_counts_as_little_as_it_should():
    x = np.zeros(4001)
    x[0] = 1e300  # weighs 2 ** -4000
    assert pool(x, "blur", 4001, padding=0)[0] == 0
    x[0] = np.inf
    assert pool(x, "blur", 4001, padding=0)[0] == np.inf
    x[0] = np.nan
    assert np.isnan(pool(x, "blur", 4001, padding=0)[0])


@pytest.mark.parametrize("size", [5000, 100_000, 10**9, 10**18, 2**60])
def test_sizes_far_beyond_the_array(size):
    """Every place of a period weighs the same: the ends of an axis once and all others twice."""
    x = np.array([[1.0, 2, 3], [4, 5, 9]])
    got = pool(x, "blur", size)
    np.testing.assert_allclose(got, [[np.mean([1, 2, 2, 3, 4, 5, 5, 9])]], rtol=1e-15)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_the_estimate_holds(dtype):
    """A window sees each of 150×150 cells nearly four times, and still needs them once."""
    plan = Request("blur", Sliding(299, 299), threads=1).plan((150, 150), np.dtype(dtype))
    x = np.ones((150, 150), dtype)
    binomial_weights(299, 298)
    tracemalloc.start()
    try:
        plan.run(x)
        used = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert used < plan.window_bytes


def test_too_many_different_weights_are_refused():
    with pytest.raises(InputError, match="width: size 1000000000000 has too many"):
        Request("blur", Sliding(10**12, 10**12), layout="W").plan((10**6,), np.dtype("f4"))
