"""Stochastic draws by the kernels: the cells that the keyed generator says, whatever the blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli.engine import library, native
from poolcli.errors import InputError
from poolcli.layout import Layout
from poolcli.parameters import NEGATIVES
from tests.native.blocks import params_of, pool_native
from tests.native.test_native_folds import DTYPES, LAYOUTS, random_cells, random_geometry

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mixed(bits: int) -> int:
    bits = ((bits ^ bits >> 30) * 0xBF58476D1CE4E5B9) & MASK
    bits = ((bits ^ bits >> 27) * 0x94D049BB133111EB) & MASK
    return bits ^ bits >> 31


def uniform(seed: int, number: int) -> float:
    """SplitMix64 of a counter, as a float of 53 bits in [0, 1)."""
    start = mixed((seed + GOLDEN) & MASK)
    return (mixed(((number + 1) * GOLDEN + start) & MASK) >> 11) * 2.0**-53


def drawn(cells: np.ndarray, negatives: str, u: float) -> Any:
    """Where the running sum of the weights first passes u times their sum."""
    if np.isnan(cells).any():
        return np.nan
    if negatives == "relu":
        cells = np.where(cells > 0, cells, cells.dtype.type(0))
    if np.isposinf(cells.max()):
        return np.inf  # it has all the probability, whatever the shift
    weights = cells.astype(float)
    if np.abs(weights).max() > 2.0**900:
        weights = weights * 2.0**-100
    if negatives == "shift":
        with np.errstate(invalid="ignore"):
            weights = weights - weights.min()
    if np.isinf(weights).any():
        weights = np.isinf(weights).astype(float)
    if not weights.any() or np.isnan(weights).any():
        return cells[-1]
    running = np.cumsum(weights)
    after = (running <= u * running[-1]).sum()
    return cells[min(after, np.flatnonzero(weights)[-1])]


def one_case(seed: int) -> None:
    random = np.random.default_rng(seed)
    layout, key = str(random.choice(LAYOUTS)), int(random.choice([0, 1, 2**63, -5 & MASK]))
    dtype = np.dtype(str(random.choice(DTYPES))).newbyteorder(str(random.choice(["=", "=", "S"])))
    lengths = {"N": 2, "C": int(random.choice([1, 2, 3, 5])), "D": 4}
    shape = tuple(lengths.get(letter, int(random.integers(1, 26))) for letter in layout)
    x = random_cells(random, shape, dtype)
    negatives = str(random.choice(NEGATIVES))
    skips = False
    if negatives == "error":
        x = np.abs(np.maximum(x, 0) if dtype.kind == "i" else x)
    if dtype.kind == "f":
        skips = bool(random.integers(2))
        x.flat[random.integers(0, x.size, random.integers(3))] = np.nan
        x.flat[random.integers(0, x.size, random.integers(2))] = np.inf
        if negatives == "shift" and random.integers(2):
            x.flat[random.integers(0, x.size, random.integers(3))] = -np.inf
        if dtype.itemsize == 8 and random.integers(3) == 0:
            x *= 2.0**1015
    axes = Layout(layout).spatial
    _, geometry = random_geometry(random, len(axes))
    try:
        windows = geometry.resolve(Layout(layout).spatial_names, [shape[i] for i in axes])
    except InputError:
        return
    options = {
        "layout": layout,
        "nan": "skip" if skips else "propagate",
        "params": params_of("sample", {"seed": key, "negatives": negatives}),
    }
    what = f"{seed}: {layout} {shape} {dtype} {geometry} {negatives} {options}"
    got = pool_native(
        x, "sample", windows, dtype, inner=[None, False][random.integers(2)], **options
    )
    order = [layout.index(c) for c in "NCDHW" if c in layout]
    planes, results = x.transpose(order), got.transpose(order)
    lead = len(order) - len(axes)
    for number, at in enumerate(np.ndindex(results.shape)):
        cells = planes[at[:lead]]
        for axis, (w, i) in enumerate(zip(windows, at[lead:], strict=True)):
            cells = cells.take(w.cells(i), axis)
        flat = cells.ravel().astype(dtype.newbyteorder("="))
        some = flat[~np.isnan(flat)] if skips else flat
        wanted = drawn(some, negatives, uniform(key, number)) if some.size else np.nan
        np.testing.assert_array_equal(results[at], wanted, f"{at} of {what}")
    cut = pool_native(x, "sample", windows, dtype, inner=False, cut=3, seed=seed, **options)
    assert cut.tobytes() == got.tobytes(), what


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_draws(first: int) -> None:
    for seed in range(first, first + 50):
        one_case(seed)


@pytest.mark.parametrize("dtype", ["i1", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("op", ["sample", "expected"])
def test_negative_cells_are_refused(op: str, dtype: str) -> None:
    from poolcli.geometry import Sliding

    x = np.array([1, 2, -3, 4, 5, -1], dtype)
    windows = Sliding(2).resolve(["width"], x.shape)
    params = params_of(op, {"seed": 0, "negatives": "error"})
    out = x.dtype if op == "sample" or x.dtype.kind == "f" else "f8"
    with pytest.raises(native.Problem) as caught:
        pool_native(x, op, windows, out, layout="W", params=params)
    assert (caught.value.why, caught.value.value) == (library.NEGATIVE, -3)


def test_a_negative_cell_that_is_missing_is_not() -> None:
    from poolcli.geometry import Sliding

    x = np.array([1, 2, -3, 4, 5, 0], np.int16)
    windows = Sliding(2).resolve(["width"], x.shape)
    params = params_of("sample", {"seed": 0, "negatives": "error"})
    got = pool_native(x, "sample", windows, "i2", layout="W", params=params, nodata=-3)
    assert got[1:].tolist() == [4, 5]
