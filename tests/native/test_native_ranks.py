"""Quantiles, modes and places of medians by the kernels: against the specification and NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from poolcli.engine import library, native
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.layout import Layout
from poolcli.parameters import METHODS
from tests.helpers.every import draws, every
from tests.native.blocks import params_of, passes_of, pool_native
from tests.native.test_native_folds import DTYPES, LAYOUTS, random_cells, random_geometry
from tests.native.test_native_large import windows_over
from tests.spec.indices import flat_index
from tests.spec.ops import op_quantile, result_dtype
from tests.spec.pooling import cells_of, naive_pool, out_index, planes, windows_of
from tests.spec.windows import Refused, layout_of, spatial_axes

FRACTIONS = (0, 0.1, 0.25, 1 / 3, 0.5, 0.5, 0.5, 0.9, 0.123456789, 1)


def naive_places(
    x: np.ndarray, geometry: Any, layout: str, method: str, nan: str, index: str
) -> np.ndarray:
    """Of each window the first cell of the median's value, of its first NaN, or -1."""
    layout = layout_of(x.ndim, layout)
    windows = windows_of(x, layout, geometry)
    shape = list(x.shape)
    for axis, row in zip(spatial_axes(layout), windows, strict=True):
        shape[axis] = len(row)
    out = np.empty(shape, np.int64)
    picks = "lower" if method in ("linear", "midpoint") else method
    for fixed, plane in planes(x, layout):
        for at in np.ndindex(*map(len, windows)):
            cells = cells_of(windows, at)
            values = [plane[cell].item() for cell in cells]
            numbers = [v for v in values if v == v]
            if len(numbers) < len(values) and nan == "propagate":
                first = next(i for i, v in enumerate(values) if v != v)
            elif numbers:
                first = values.index(op_quantile(numbers, q=0.5, method=picks))
            else:
                first = -1
            place = -1 if first < 0 else flat_index(cells[first], fixed, x, layout, index)
            out[out_index(fixed, layout, at)] = place
    return out


def one_case(seed: int, dtypes: Sequence[str] = DTYPES) -> None:
    random = np.random.default_rng(seed)
    op, layout = str(random.choice(["quantile", "quantile", "mode"])), str(random.choice(LAYOUTS))
    dtype = np.dtype(str(random.choice(dtypes))).newbyteorder(str(random.choice(["=", "=", "S"])))
    lengths = {"N": 2, "C": int(random.choice([1, 2, 3, 5])), "D": 4}
    shape = tuple(lengths.get(letter, int(random.integers(1, 26))) for letter in layout)
    x = random_cells(random, shape, dtype)
    spec, geometry = random_geometry(random, len(Layout(layout).spatial))
    options: dict[str, Any] = {}
    if dtype.kind == "f":
        options["nan"] = str(random.choice(["propagate", "skip"]))
        x.flat[random.integers(0, x.size, random.integers(3))] = np.nan
        x.flat[random.integers(0, x.size, random.integers(3))] = np.inf
        x.flat[random.integers(0, x.size, random.integers(3))] = -0.0
    if random.integers(3) == 0:
        options |= {
            "nodata": x.flat[0].item() + 0,
            "min_valid": float(random.choice([0, 0.3, 0.9])),
        }
        if options["nodata"] != options["nodata"]:
            del options["nodata"]
    params: dict[str, Any] = {}
    if op == "quantile":
        params = {
            "q": float(random.choice(FRACTIONS)),
            "method": str(random.choice(METHODS)),
        }
    natural = result_dtype(op, dtype.newbyteorder("="), **params)
    target, fit = natural, "exact"
    if random.integers(3) == 0:
        target, fit = np.dtype(str(random.choice(DTYPES[1:]))), str(random.choice(library.FITS))
    axes = Layout(layout).spatial
    try:
        windows = geometry.resolve(Layout(layout).spatial_names, [shape[i] for i in axes])
    except InputError:
        return
    given = options | {"fit": fit}
    try:
        expected = naive_pool(x, op, spec, layout=layout, dtype=target, **given, **params)
    except Refused:
        expected = None
    x = as_stored(x, random)
    views = {"layout": layout, "params": params_of(op, params), **given}
    inner = [None, True, False][random.integers(3)]
    what = f"{seed}: {op} {layout} {shape} {dtype} to {target} {geometry} {given} {params}"
    if op == "quantile" and "nodata" not in options:
        nan, index = options.get("nan", "propagate"), ["plane", "tensor"][random.integers(2)]
        wanted = naive_places(x, spec, layout, params["method"], nan, index)
        codes = params_of("argquantile", {"method": params["method"]})
        places = {"layout": layout, "inner": inner, "index": index, "nan": nan, "params": codes}
        got = pool_native(x, "argquantile", windows, np.int64, **places)
        np.testing.assert_array_equal(got, wanted, what)
        got = pool_native(x, "argquantile", windows, np.int64, cut=4, seed=seed, **places)
        np.testing.assert_array_equal(got, wanted, what)
    try:
        got = pool_native(x, op, windows, target, inner=inner, **views)
    except native.Problem:
        assert expected is None, what
        return
    assert expected is not None, what
    assert_close(got, expected, what)
    blocks = pool_native(x, op, windows, target, inner=False, cut=3, seed=seed, **views)
    assert blocks.tobytes() == got.tobytes(), what


def as_stored(x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same cells in another memory order, with gaps now and then."""
    order = random.permutation(x.ndim)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    return np.repeat(x, 2, axis=-1)[..., ::2] if random.integers(3) == 0 else x


def assert_close(got: np.ndarray, expected: np.ndarray, what: str) -> None:
    """Cells are picked exactly; between two there are two roundings in float64."""
    assert got.dtype == expected.dtype
    if got.dtype.kind != "f":
        np.testing.assert_array_equal(got, expected, what)
        return
    assert not np.signbit(got[got == 0]).any(), what
    # A value between two of opposite signs is as exact as these are, whatever is left.
    scale = np.abs(expected[np.isfinite(expected)]).astype(np.float64).max(initial=1e-4)
    np.testing.assert_allclose(
        got.astype(np.float64),
        expected.astype(np.float64),
        rtol=2 * float(np.finfo(got.dtype).eps),
        atol=2 * float(np.finfo(got.dtype).eps) * (scale if math.isfinite(scale) else 1),
        err_msg=what,
    )


@pytest.mark.parametrize("first", range(0, 1000, 50))
def test_random_cases(first: int) -> None:
    every(draws(50, first), one_case)


# Windows beside each other or overlapping, of more cells than networks sort; the last are counted.
LARGE = [
    ((60, 70), (31, 31), (1, 1)),
    ((70, 60), (9, 33), (1, 2)),
    ((64, 64), (16, 16), (16, 16)),
    ((400, 300), (101, 101), (50, 25)),
    ((1, 3000), (1, 1000), (1, 7)),
    ((20, 24, 22), (11, 10, 9), (1, 2, 1)),
    ((300, 300), (150, 150), (150, 150)),
    ((530, 520), (515, 512), (7, 8)),
]


@pytest.mark.parametrize(("shape", "size", "stride"), LARGE)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "u1", "i2", "i4", "u8"])
def test_large_windows(shape, size, stride, dtype) -> None:
    random = np.random.default_rng(3)
    x = random_cells(random, shape, np.dtype(dtype))
    windows = Sliding(size, stride).resolve(Layout("DHW"[-len(shape) :]).spatial_names, shape)
    layout = "DHW"[-len(shape) :]
    every = np.sort(windows_over(x, size, stride), axis=-1)
    n = every.shape[-1]
    for q in (0.5, 0.1, 1):
        for method in ("lower", "nearest", "midpoint"):
            codes = params_of("quantile", {"q": q, "method": method})
            low, high = (
                every[..., math.floor((n - 1) * Fraction(repr(q)))],
                every[..., math.ceil((n - 1) * Fraction(repr(q)))],
            )
            if method == "midpoint":
                wanted = low.astype(float) / 2 + high.astype(float) / 2
                out = x.dtype if x.dtype.kind == "f" else np.float64
                wanted = wanted.astype(out)
            else:
                out = x.dtype
                nearest = every[..., round((n - 1) * Fraction(repr(q)))]
                wanted = low if method == "lower" else nearest
            got = pool_native(x, "quantile", windows, out, layout=layout, params=codes)
            np.testing.assert_array_equal(got, wanted)
    codes = params_of("argquantile", {"method": "lower"})
    where = pool_native(x, "argquantile", windows, np.int64, layout=layout, params=codes)
    middle = every[..., (n - 1) // 2]
    np.testing.assert_array_equal(x.ravel()[where], middle)
    first = (windows_over(x, size, stride) == middle[..., None]).argmax(axis=-1)
    np.testing.assert_array_equal(where, places_of(windows, first, size, shape))
    if n < 5000:
        mode = pool_native(x, "mode", windows, x.dtype, layout=layout)
        few = every.reshape(-1, n)[:: max(1, len(mode.ravel()) // 50)]
        for row, value in zip(few, mode.ravel()[:: max(1, len(mode.ravel()) // 50)], strict=True):
            values, counts = np.unique(row, return_counts=True)
            assert value == values[counts.argmax()]


def places_of(windows: Any, first: np.ndarray, size: Any, shape: Any) -> np.ndarray:
    """Positions in the array of cells that are numbered within their windows."""
    starts = np.meshgrid(*(list(w.starts) for w in windows), indexing="ij")
    inside = np.unravel_index(first, size)
    return np.ravel_multi_index([s + i for s, i in zip(starts, inside, strict=True)], shape)


@pytest.mark.parametrize("dtype", library.TYPES)
@pytest.mark.parametrize("op", ["quantile", "argquantile", "mode"])
@pytest.mark.parametrize("missing", [False, True])
def test_windows_in_pieces(dtype: str, op: str, missing: bool) -> None:
    """Rows after rows of one window, pass after pass: as of an array larger than memory."""
    random = np.random.default_rng(2)
    x = random_cells(random, (2, 4, 60, 21, 11), np.dtype(dtype))
    if x.dtype.kind == "f":
        x.flat[random.integers(0, x.size, 300)] = np.nan
    windows = Sliding((4, 50, 9), (1, 50, 4), (0, 3, 2)).resolve(
        ["depth", "height", "width"], x.shape[1:4]
    )
    windows = (windows[0], windows[1].part(0, 1), windows[2])
    out_dtype = np.dtype(
        {"quantile": x.dtype if x.dtype.kind == "f" else "f8", "argquantile": "i8"}.get(op, x.dtype)
    )
    lost = native.Missing(True, x.dtype.type(1), -1 if op == "argquantile" else 1.0)
    work = native.Work(
        op, x.dtype, out_dtype, windows, 1, inner=True, cell_coefs=(0, 60 * 21, 21, 1, 0),
        missing=lost if missing else None, params=params_of(op, {"q": 0.3}),
        passes=passes_of(op, x.dtype),
    )  # fmt: skip
    whole = np.empty((2, 1, 1, windows[2].out, 11), out_dtype)
    work.block(x, whole)
    out = np.empty_like(whole)
    wanted = work.state_bytes(x, out)
    if op == "mode" and (x.dtype.itemsize > 2 or x.dtype.kind == "f"):
        assert wanted == -1  # such windows have to be in memory
        return
    state = np.empty(wanted, np.uint8)
    pieces = [(d, low, high) for d in range(4) for low, high in ((0, 10), (10, 11), (11, 60))]
    for turn in range(work.passes):
        for number, (d, low, high) in enumerate(pieces):
            work.block(
                x[:, d : d + 1, low:high].copy(), out, held=(d, low, 0), state=state,
                continues=(turn, number) > (0, 0), unfinished=number < len(pieces) - 1,
                pass_number=turn,
            )  # fmt: skip
    assert out.tobytes() == whole.tobytes()


GEOMETRIES = {
    "3/1": lambda: Sliding(3, 1),
    "5/1 with padding": lambda: Sliding(5, 1, 2),
    "13/1 with padding": lambda: Sliding(13, 1, 6),
    "20/3 ceil": lambda: Sliding(20, 3, 4, 1, True),
    "11/1 dilated": lambda: Sliding(11, 1, 5, 3),
    "global": Global,
    "adaptive": lambda: Adaptive((3, 5)),
    "adaptive up": lambda: Adaptive((100, 90)),
}


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("dtype", library.TYPES)
def test_the_same_bytes_by_any_instructions_lanes_and_blocks(name: str, dtype: str) -> None:
    random = np.random.default_rng(11)
    x = random_cells(random, (3, 27, 63), np.dtype(dtype))
    if x.dtype.kind == "f":
        x.flat[random.integers(0, x.size, 5)] = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    windows = GEOMETRIES[name]().resolve(["height", "width"], x.shape[1:])
    real = x.dtype if x.dtype.kind == "f" else np.dtype("f8")
    for op, out in {"quantile": real, "mode": x.dtype, "argquantile": np.dtype("i8")}.items():
        options = {"params": params_of(op, {"q": 0.5 if op != "quantile" else 0.3})}
        for nan in ("propagate", "skip") if x.dtype.kind == "f" else ("propagate",):
            results = set()
            for isa in library.ISAS:
                library.use_isa(isa)
                got = pool_native(x, op, windows, out, layout="CHW", nan=nan, **options)
                results.add(got.tobytes())
            library.use_isa()
            last = np.ascontiguousarray(x.transpose(1, 2, 0))
            got = pool_native(last, op, windows, out, layout="HWC", nan=nan, **options)
            results.add(got.transpose(2, 0, 1).tobytes())
            got = pool_native(
                np.asfortranarray(x), op, windows, out, layout="CHW", nan=nan, cut=20, **options
            )
            results.add(got.tobytes())
            assert len(results) == 1, (op, nan)


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("dtype", ["?", "i1", "u1", "u2", "i4", "u8", "f2", "f4", ">f4", "f8"])
@pytest.mark.parametrize(("layout", "shape"), [("HW", (40, 700)), ("NHWC", (2, 17, 33, 3))])
def test_small_medians(k: int, dtype: str, layout: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(k)
    for padding, stride, nans in ((0, 1, 0), (k // 2, 1, 9), (1, (2, 1), 1), (k - 1, 1, 0)):
        x = random_cells(random, shape, np.dtype(dtype))
        if x.dtype.kind == "f":
            x.flat[random.integers(0, x.size, nans)] = np.nan
        axes = Layout(layout).spatial
        given = (k, stride, padding)
        lengths = [shape[i] for i in axes]
        windows = Sliding(*given).resolve(Layout(layout).spatial_names, lengths)
        codes = params_of("quantile", {"method": "lower"})
        got = pool_native(x, "quantile", windows, x.dtype, layout=layout, params=codes)
        moved = np.moveaxis(x, axes, (-2, -1)).reshape(-1, *lengths)
        wanted = np.moveaxis(got, axes, (-2, -1)).reshape(len(moved), *(w.out for w in windows))
        for h, w in zip(*(random.integers(0, n.out, 60) for n in windows), strict=True):
            for plane, results in zip(moved, wanted, strict=True):
                cells = plane[np.ix_(windows[0].cells(h), windows[1].cells(w))].ravel()
                middle = np.sort(cells)[(len(cells) - 1) // 2]
                if cells.dtype.kind == "f" and np.isnan(cells).any():
                    middle = np.nan
                np.testing.assert_array_equal(results[h, w], middle)
