"""Stochastic pooling by its distribution: at fixed seeds, over many windows (S14), and S8."""

import math
from itertools import pairwise

import numpy as np
import pytest

from poolcli import adaptive_pool, fractional_pool, global_pool, pool
from poolcli.geometry import Sliding
from poolcli.request import Request
from tests.spec.ops import probabilities

# Unlikely enough for all tests here together: a fixed seed either passes for ever or never.
UNLIKELY = 0.001
WINDOWS = 20_000
WINDOW = [1, 4, 0, 2, 7, 3]


def chi_square_tail(statistic, freedom):
    """The chance of a larger statistic, by Wilson & Hilferty's cube root."""
    spread = 2 / (9 * freedom)
    z = ((statistic / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2


def chance(counts, expected, freedom):
    return chi_square_tail(float(((counts - expected) ** 2 / expected).sum()), freedom)


def drawn_counts(values, cells):
    """How often each of the different cells was drawn; every draw is one of them."""
    counts = np.array([(values == cell).sum() for cell in cells])
    assert counts.sum() == values.size
    return counts


def assert_fits(values, cells):
    p = np.array([float(q) for q in probabilities([int(c) for c in cells])])
    counts = drawn_counts(values, cells)
    assert (counts[p == 0] == 0).all()
    some = p > 0
    fit = chance(counts[some], p[some] * values.size, some.sum() - 1)
    assert UNLIKELY < fit < 1 - UNLIKELY  # too near is no chance either
    even = np.full(some.sum(), values.size / some.sum())
    assert chance(counts[some], even, some.sum() - 1) < UNLIKELY  # the test can tell


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, 2**63])
def test_drawn_in_proportion(seed):
    x = np.tile(np.array(WINDOW, np.float32), WINDOWS)
    assert_fits(pool(x, "stochastic", len(WINDOW), seed=seed), WINDOW)


@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8"])
def test_drawn_in_proportion_in_every_type(dtype):
    x = np.tile(np.array(WINDOW, dtype), WINDOWS)
    got = pool(x, "stochastic", len(WINDOW), seed=7)
    assert got.dtype == x.dtype
    assert_fits(got, WINDOW)


def columns():
    """One window down every column: as many planes as there are windows."""
    return np.repeat(np.array(WINDOW, np.float64)[:, None], WINDOWS, axis=1)


GEOMETRIES = {
    "channels": lambda: global_pool(columns(), "stochastic", layout="WC", seed=3),
    "batch": lambda: global_pool(columns(), "stochastic", layout="WN", seed=3),
    "rows": lambda: pool(columns(), "stochastic", (len(WINDOW), 1), seed=3),
    "squares": lambda: pool(
        np.tile(np.array(WINDOW).reshape(2, 3), (100, WINDOWS // 100)), "stochastic", (2, 3), seed=3
    ),
    "adaptive": lambda: adaptive_pool(np.tile(WINDOW, WINDOWS), "stochastic", WINDOWS, seed=3),
    "fractional": lambda: fractional_pool(
        np.tile(WINDOW, WINDOWS), "stochastic", WINDOWS, size=len(WINDOW), seed=3
    ),
    "padded": lambda: pool(columns(), "stochastic", (8, 1), padding=(1, 0), seed=3),
    "overlapping": lambda: pool(np.tile(WINDOW, WINDOWS), "stochastic", len(WINDOW), stride=1),
    "NaN left out": lambda: pool(
        np.tile([*WINDOW, np.nan], WINDOWS), "stochastic", len(WINDOW) + 1, nan="skip", seed=3
    ),
    "nodata left out": lambda: pool(
        np.tile([9, *WINDOW], WINDOWS), "stochastic", len(WINDOW) + 1, nodata=9, seed=3
    ),
}


@pytest.mark.parametrize("name", GEOMETRIES)
def test_drawn_in_proportion_wherever_the_windows_are(name):
    assert_fits(GEOMETRIES[name](), WINDOW)


def test_shift_and_relu_are_in_proportion_too():
    x = np.tile(np.array(WINDOW) - 2, WINDOWS)
    shifted = pool(x, "stochastic", len(WINDOW), seed=5, negatives="shift")
    assert_fits(shifted + 2, WINDOW)
    clipped = pool(x, "stochastic", len(WINDOW), seed=5, negatives="relu")
    positive = [2, 5, 1]
    assert_fits(clipped, positive)


def independent(a, b):
    """The chance of so odd a table of pairs if the two have nothing to do with one another."""
    cells = sorted(cell for cell in WINDOW if cell)
    table = np.array([[((a == u) & (b == v)).sum() for v in cells] for u in cells])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return chance(table, expected, (len(cells) - 1) ** 2)


# A grid of draws of one window: 2 batches, 120 by 110 positions, 3 channels
def grid(seed):
    plane = np.tile(np.array(WINDOW).reshape(2, 3), (120, 110))
    x = np.broadcast_to(plane[None, :, :, None], (2, *plane.shape, 3))
    return pool(x, "stochastic", (2, 3), seed=seed)


NEIGHBOURS = {
    "along a row": lambda y: (y[:, :, :-1], y[:, :, 1:]),
    "two along a row": lambda y: (y[:, :, :-2], y[:, :, 2:]),
    "down a column": lambda y: (y[:, :-1], y[:, 1:]),
    "diagonally": lambda y: (y[:, :-1, :-1], y[:, 1:, 1:]),
    "of two channels": lambda y: (y[..., :-1], y[..., 1:]),
    "of two batches": lambda y: (y[0], y[1]),
    "of two seeds": lambda y: (y, grid(22)),
    "of far seeds": lambda y: (y, grid(21 + 2**32)),
}


@pytest.mark.parametrize("which", NEIGHBOURS)
def test_neighbours_have_nothing_to_do_with_one_another(which):
    a, b = NEIGHBOURS[which](grid(21))
    assert UNLIKELY < independent(a.ravel(), b.ravel()) < 1 - UNLIKELY


def test_the_test_of_independence_can_tell():
    y = grid(21)
    assert independent(y.ravel(), y.ravel()) < UNLIKELY
    half = np.where(np.arange(y.size) % 10 == 0, y.ravel(), np.roll(y.ravel(), 1))
    assert independent(y.ravel(), half) < UNLIKELY  # one in ten is a copy


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_same_draws_whatever_the_blocks_threads_and_layout(dtype):
    rng = np.random.default_rng(8)
    x = rng.integers(0, 50, (2, 3, 41, 37)).astype(dtype)
    request = Request("stochastic", Sliding(3, 2, 1), layout="NCHW", params={"seed": 9})
    whole = request.plan(x.shape, x.dtype).run(x)
    runs = [
        Request(
            "stochastic", Sliding(3, 2, 1), layout="NCHW", threads=threads, params={"seed": 9}
        ).plan(x.shape, x.dtype).run(x, block_bytes=block)
        for threads in (1, 2, 5)
        for block in (1, 100, 5000, 2**20)
    ]  # fmt: skip
    assert len({run.tobytes() for run in [whole, *runs]}) == 1
    last = pool(x.transpose(0, 2, 3, 1), "stochastic", 3, stride=2, padding=1, seed=9)
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), whole)


def test_every_seed_draws_its_own():
    draws = [grid(seed) for seed in range(6)]
    assert all((a != b).mean() > 0.5 for a, b in pairwise(draws))
    np.testing.assert_array_equal(grid(4), draws[4])
