"""Ops as their papers write them, in float64 and without any care; and bytes, which need care."""

import math

import numpy as np
import pytest

from poolcli import global_pool, pool
from tests.helpers.hard_averages import HARD, hard_array, ulps_off


def windows_of(x, size):
    cells = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), (size, size))
    return cells.reshape(*cells.shape[:2], -1)


def softpool(a):
    """Stergiou, Poppe & Kalliatakis 2021, (2) and (3)."""
    weights = np.exp(a) / np.exp(a).sum(-1, keepdims=True)
    return (weights * a).sum(-1)


def log_sum_exp(x, r=1.0):
    """Pinheiro & Collobert 2015, (6)."""
    return np.log(np.exp(r * x).mean(-1)) / r


def generalised_mean(x, p=3.0):
    """Radenović, Tolias & Chum 2018, (3)."""
    return (np.maximum(x, 1e-6) ** p).mean(-1) ** (1 / p)


def expected_draw(a):
    """Zeiler & Fergus 2013, (4) and (6)."""
    total = a.sum(-1, keepdims=True)
    p = a / np.where(total == 0, 1, total)
    return (p * a).sum(-1)


def mixed(x, alpha):
    """Lee, Gallagher & Tu 2016, (1)."""
    return alpha * x.max(-1) + (1 - alpha) * x.mean(-1)


FORMULAE = [
    ("soft", {}, softpool),
    ("lse", {}, log_sum_exp),
    ("lse", {"r": 0.1}, lambda x: log_sum_exp(x, 0.1)),
    ("lse", {"r": 5.0}, lambda x: log_sum_exp(x, 5.0)),
    ("lse", {"r": -2.0}, lambda x: log_sum_exp(x, -2.0)),
    ("gem", {}, generalised_mean),
    ("gem", {"p": 1.0}, lambda x: generalised_mean(x, 1.0)),
    ("gem", {"p": 7.5}, lambda x: generalised_mean(x, 7.5)),
    ("mixed", {"alpha": 0.3}, lambda x: mixed(x, 0.3)),
]


@pytest.mark.parametrize(("op", "params", "formula"), FORMULAE, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_as_written(op, params, formula, size):
    x = np.random.default_rng(size).standard_normal((13, 17)) * 3
    got = pool(x, op, size, stride=1, **params)
    np.testing.assert_allclose(got, formula(windows_of(x, size)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_expected_draw_as_written(size):
    x = np.random.default_rng(size).standard_normal((13, 17)).clip(0)
    got = pool(x, "stochastic", size, stride=1, mode="expected")
    np.testing.assert_allclose(got, expected_draw(windows_of(x, size)), rtol=1e-12)


def bytes_of(kind):
    """0 to 255 in a few arrangements, 32 by 32."""
    if kind == "gradient":
        return np.arange(1024).reshape(32, 32) % 256
    if kind == "ends":
        return np.random.default_rng(3).choice([0, 255], (32, 32))
    if kind == "white":
        return np.full((32, 32), 255)
    assert kind == "noise"
    return np.random.default_rng(4).integers(0, 256, (32, 32))


def shifted(cells, r, mean):
    """The same numbers with math.fsum and the largest taken out, cell by cell."""
    top = max(r * c for c in cells)
    weights = [math.exp(r * c - top) for c in cells]
    if mean:
        return (top + math.log(math.fsum(weights) / len(cells))) / r
    return math.fsum(w * c for w, c in zip(weights, cells, strict=True)) / math.fsum(weights)


@pytest.mark.parametrize("kind", ["gradient", "ends", "white", "noise"])
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "f8"])
@pytest.mark.parametrize("size", [2, 3, 8, 32])
def test_bytes_overflow_nothing(kind, dtype, size):
    """e^255 is an infinity in float32, and e^(5 · 255) in float64."""
    x = bytes_of(kind).astype(dtype)
    cells = np.lib.stride_tricks.sliding_window_view(x.astype(float), (size, size))
    cells = cells[::size, ::size].reshape(-1, size * size).tolist()
    rtol = 1e-12 if dtype in ("u1", "f8") else 2 * np.finfo(dtype).eps
    for op, params, r in (("soft", {}, 1), ("lse", {}, 1), ("lse", {"r": 5.0}, 5)):
        got = pool(x, op, size, **params)
        assert np.isfinite(got).all()
        assert x.min() <= got.min()
        assert got.max() <= x.max()
        expected = [shifted(window, r, op == "lse") for window in cells]
        np.testing.assert_allclose(got.ravel().astype(float), expected, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", HARD)
def test_average_of_ten_million_cells(name):
    x, exact, magnitude = hard_array(name, 10**7)
    for plane, layout in ((x, "W"), (x.reshape(2500, 4000), "HW")):
        assert ulps_off(global_pool(plane, "avg", layout=layout), exact, magnitude) <= 2
