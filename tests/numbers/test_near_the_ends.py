"""What ops give at the ends of their parameters and of their values."""

import math

import numpy as np
import pytest

from poolcli import adaptive_pool, global_pool, pool
from poolcli.geometry import Adaptive, Sliding
from poolcli.request import Request
from tests.spec.ops import op_stochastic

INF = math.inf


@pytest.mark.parametrize("r", [5e-324, -5e-324, 1e-310, 1e-300, 1e-200, 1e-30, 1e-18])
@pytest.mark.parametrize(
    ("cells", "mean"),
    [
        ([1.0, 2.0, 4.0], 7 / 3),
        ([0.1, 0.2], 0.15),
        ([3e-310, 1e-310], 2e-310),
        ([-5.0, -5.0], -5.0),
        ([0.0, 0.0], 0.0),
        ([1, 2, 4], 7 / 3),
    ],
)
def test_lse_near_no_exponent_is_the_mean(cells, mean, r):
    x = np.array([cells])
    assert pool(x, "lse", (1, len(cells)), r=r).item() == pytest.approx(mean, rel=1e-13, abs=0)
    if max(map(abs, cells)) > 1e-3:
        narrow = pool(x.astype("f4"), "lse", (1, len(cells)), r=r).item()
        assert narrow == pytest.approx(mean, rel=1e-6, abs=0)


def test_lse_near_no_exponent_of_what_is_no_small_number():
    top = np.finfo(float).max
    assert global_pool(np.full(3, top), "lse", r=1e-320) == top
    assert global_pool(np.array([top, 0.0, top]), "lse", r=5e-324) == pytest.approx(top / 3 * 2)
    # Here even the smallest exponent is felt: it is the largest value, or near it.
    assert global_pool(np.array([top, 0.0]), "lse", r=1e-300) == pytest.approx(top)
    assert global_pool(np.array([INF, -INF]), "lse", r=1e-300) == INF
    assert global_pool(np.array([-INF, -INF]), "lse", r=1e-300) == -INF
    assert np.isnan(global_pool(np.array([np.nan, 1.0]), "lse", r=1e-300))


@pytest.mark.parametrize(
    "cells",
    [
        [INF, 1, 3], [INF, INF], [-INF, 1, 3], [-INF, -INF], [INF, -INF, 2], [-INF, 0, 0],
        [1e308, -1e308, 0], [-INF, INF],
    ],
)  # fmt: skip
def test_shifted_activations_with_infinities(cells):
    x = np.array([cells], float)
    size = (1, len(cells))
    expected = op_stochastic(x[0].tolist(), negatives="shift")
    got = pool(x, "stochastic", size, mode="expected", negatives="shift").item()
    assert got == pytest.approx(float(expected))
    wide = np.tile(x, (500, 1))
    drawn = set(pool(wide, "stochastic", size, mode="sample", negatives="shift").ravel().tolist())
    if max(cells) == INF:
        assert drawn == {INF}
    elif min(cells) == -INF < max(cells):
        assert drawn == set(cells) - {-INF}
    else:
        assert drawn <= set(cells)


@pytest.mark.parametrize(
    ("op", "params"),
    [("stochastic", {"mode": "expected", "negatives": "shift"}),
     ("stochastic", {"mode": "sample", "negatives": "shift"}), ("blur", {})],
)  # fmt: skip
@pytest.mark.parametrize(
    "geometry",
    [Sliding(5, 3, 2), Sliding((4, 7), 2, ((3, 1), (0, 5))), Adaptive((5, 6)), Sliding(3, 2, 1, 2)],
    ids=str,
)
def test_the_last_digits_do_not_depend_on_blocks(op, params, geometry, monkeypatch):
    x = np.random.default_rng(4).standard_normal((23, 29, 2))
    for nan in ("propagate", "skip"):
        if nan == "skip":
            x[::4, ::3] = np.nan
        plan = Request(op, geometry, params=params, nan=nan).plan(x.shape, x.dtype)
        expected = plan.run(x).tobytes()
        with monkeypatch.context() as patch:
            patch.setattr("poolcli.engine.blocks.MOST_BYTES", 1)  # else no row is cut
            for block_bytes in (1, 700, 5000):
                assert plan.run(x, block_bytes=block_bytes).tobytes() == expected, block_bytes


def test_a_blur_of_negative_zeros_is_one_wherever_it_lies():
    x = np.full((7, 7), -0.0)
    assert np.signbit(adaptive_pool(x, "blur", (3, 5))).all()
