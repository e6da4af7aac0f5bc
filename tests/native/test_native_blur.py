"""Blur by the kernel: binomial weights over mirrored edges, whatever the windows and blocks."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from poolcli.engine import library, mirrored
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Sliding
from poolcli.layout import Layout
from poolcli.windows import Windows
from tests.native.blocks import pool_native
from tests.native.test_native_folds import DTYPES, LAYOUTS, random_cells, random_geometry
from tests.spec.pooling import mirror, weighted_mean


def taps(w: Windows, i: int) -> dict[int, Fraction]:
    """The cells of a window, mirrored at the edges, with their exact weights."""
    size, weights = w.size(i), {}
    for m in range(size):
        cell = mirror(w.starts[i] + m * w.dilation, w.n)
        weights[cell] = weights.get(cell, Fraction(0)) + Fraction(
            math.comb(size - 1, m), 2 ** (size - 1)
        )
    return weights


def exact(x: np.ndarray, windows: tuple[Windows, ...], nan: str) -> np.ndarray:
    """Blur of the last axes."""
    lead = x.ndim - len(windows)
    out = np.empty((*x.shape[:lead], *(w.out for w in windows)))
    for at in np.ndindex(out.shape):
        plane, pairs = x[at[:lead]], [((), Fraction(1))]
        for w, i in zip(windows, at[lead:], strict=True):
            pairs = [
                ((*place, cell), weight * more)
                for place, weight in pairs
                for cell, more in taps(w, i).items()
            ]
        cells = [(plane[place].item(), weight) for place, weight in pairs]
        if nan == "skip":
            cells = [(value, weight) for value, weight in cells if value == value]
        out[at] = weighted_mean(cells) if cells else math.nan
    return out


def one_case(seed: int) -> None:
    random = np.random.default_rng(seed)
    layout = str(random.choice(LAYOUTS))
    dtype = np.dtype(str(random.choice(DTYPES))).newbyteorder(str(random.choice(["=", "=", "S"])))
    lengths = {"N": 1, "C": int(random.choice([1, 2, 3])), "D": 2}
    shape = tuple(lengths.get(letter, int(random.integers(1, 12))) for letter in layout)
    x = random_cells(random, shape, dtype)
    options: dict[str, Any] = {"layout": layout}
    if dtype.kind == "f":
        options["nan"] = str(random.choice(["propagate", "skip"]))
        x.flat[random.integers(0, x.size, random.integers(2))] = np.nan
        x.flat[random.integers(0, x.size, random.integers(2))] = np.inf
    axes = Layout(layout).spatial
    _, geometry = random_geometry(random, len(axes))
    try:
        windows = geometry.resolve(Layout(layout).spatial_names, [shape[i] for i in axes])
    except InputError:
        return
    what = f"{seed}: {shape} {dtype} {geometry} {options}"
    out_dtype = dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype("f8")
    options["weights"] = mirrored.binomial_tables(windows)
    got = pool_native(x, "blur", windows, out_dtype, inner=[None, False][seed % 2], **options)
    order = [a for a in range(x.ndim) if a not in axes] + list(axes)
    wanted = exact(x.transpose(order), windows, options.get("nan", ""))
    rtol = {2: 2e-3, 4: 2e-7, 8: 1e-14}[out_dtype.itemsize]
    largest = np.abs(x[np.isfinite(x)].astype(float)).max(initial=0)
    np.testing.assert_allclose(
        got.transpose(order).astype(float), wanted, rtol=rtol, atol=rtol * largest, err_msg=what
    )
    blocks = pool_native(x, "blur", windows, out_dtype, inner=False, cut=3, seed=seed, **options)
    assert blocks.tobytes() == got.tobytes(), what


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_cases(first: int) -> None:
    for seed in range(first, first + 50):
        one_case(seed)


def test_the_same_bytes_for_any_instructions_lanes_and_memory() -> None:
    x = np.random.default_rng(5).standard_normal((3, 150, 211)).astype(np.float32)
    for geometry in (Sliding(31, 1, 15), Sliding(4, 3, 1), Sliding(3, 5, 2, 4), Adaptive((7, 20))):
        windows = geometry.resolve(["height", "width"], x.shape[1:])
        options = {"weights": mirrored.binomial_tables(windows)}
        results = set()
        for isa in library.ISAS:
            library.use_isa(isa)
            got = pool_native(x, "blur", windows, "f4", layout="CHW", **options)
            results.add(got.tobytes())
        library.use_isa()
        last = np.ascontiguousarray(x.transpose(1, 2, 0))
        got = pool_native(last, "blur", windows, "f4", layout="HWC", **options)
        results.add(got.transpose(2, 0, 1).tobytes())
        cut = pool_native(x, "blur", windows, "f4", layout="CHW", cut=60, **options)
        results.add(cut.tobytes())
        assert len(results) == 1, geometry


def test_a_window_far_larger_than_the_axis() -> None:
    x = np.arange(12.0).reshape(3, 4)
    windows = Sliding(2**40 + 1, 1, 2**39).resolve(["height", "width"], x.shape)
    got = pool_native(
        x, "blur", windows, "f8", layout="HW", weights=mirrored.binomial_tables(windows)
    )
    # Every place of a period weighs the same: ends once, what lies between twice.
    rows, columns = np.array([1, 2, 1]) / 4, np.array([1, 2, 2, 1]) / 6
    np.testing.assert_allclose(got, rows @ x @ columns, rtol=1e-14)


def test_an_infinity_counts_whatever_its_weight() -> None:
    x = np.zeros(1400)
    x[0] = np.inf
    windows = Sliding(1400).resolve(["width"], x.shape)
    tables = mirrored.binomial_tables(windows)
    assert tables[0][0, 0] == 0
    assert pool_native(x, "blur", windows, "f8", layout="W", weights=tables)[0] == np.inf


def test_tables_of_another_shape_are_refused() -> None:
    windows = Sliding(3).resolve(["width"], [9])
    for weights in (None, [], [np.ones((1, 2))], [np.ones((1, 3))] * 2):
        with pytest.raises(ValueError, match="shapes"):
            pool_native(np.zeros(9), "blur", windows, "f8", layout="W", weights=weights)
