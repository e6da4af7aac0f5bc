"""Folds by the kernels against the readable specification: random windows, layouts and types."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli.engine import library, native
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Fractional, Global, Sliding
from poolcli.layout import Layout
from tests.helpers.every import draws, every
from tests.native.blocks import params_of, pool_native
from tests.spec.indices import naive_indices
from tests.spec.ops import result_dtype
from tests.spec.pooling import naive_pool
from tests.spec.windows import Refused, adaptive, fractional, sliding, whole

DTYPES = ("?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
LAYOUTS = ("W", "HW", "HWC", "CHW", "NCHW", "NHWC", "NDHWC", "DHW", "WC", "HNWC")
OPS = ("max", "min", "range", "sum", "avg", "mixed", "rms", "subsample")
DIVIDES = ("avg", "mixed")


def random_geometry(random: np.random.Generator, axes: int) -> tuple[Any, Any]:
    """The same windows for the specification and for the program."""
    kind = random.choice(["sliding"] * 6 + ["whole", "adaptive", "fractional"])
    if kind == "whole":
        return whole(), Global()
    if kind == "adaptive":
        outs = tuple(int(n) for n in random.integers(1, 8, axes))
        return adaptive(outs), Adaptive(outs)
    if kind == "fractional":
        samples = tuple(float(u) for u in random.random(axes))
        outs, sizes = tuple(random.integers(1, 4, axes).tolist()), (2,) * axes
        return fractional(sizes, outs, samples), Fractional(outs, sizes, samples=samples)
    size = tuple(random.choice([1, 2, 2, 3, 3, 4, 5, 9, 12], axes).tolist())
    stride = tuple(random.choice([1, 1, 2, 2, 3, 4, 7], axes).tolist())
    padding = tuple(tuple(random.integers(0, 4, 2).tolist()) for _ in range(axes))
    dilation = tuple(random.choice([1, 1, 1, 2, 3], axes).tolist())
    arguments = (size, stride, padding, dilation, bool(random.integers(2)))
    return sliding(*arguments), Sliding(*arguments)


def random_cells(
    random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype
) -> np.ndarray:
    if dtype.kind == "b":
        return random.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        few = random.integers(2)
        low, high = (0 if dtype.kind == "u" else -3, 5) if few else (info.min, info.max)
        return random.integers(low, high, shape, dtype.newbyteorder("="), endpoint=True).astype(
            dtype
        )
    x = random.choice([-1.0, 1.0, 0.5, 30.0], shape) * random.random(shape)
    few = random.random(shape) < 0.2
    x[few] = np.round(x[few] * 2)
    return x.astype(dtype)


def one_case(seed: int) -> None:
    random = np.random.default_rng(seed)
    op, layout = str(random.choice(OPS)), str(random.choice(LAYOUTS))
    dtype = np.dtype(str(random.choice(DTYPES))).newbyteorder(str(random.choice(["=", "=", "S"])))
    lengths = {"N": 2, "C": int(random.choice([1, 2, 3, 5])), "D": 4}
    shape = tuple(lengths.get(letter, int(random.integers(1, 26))) for letter in layout)
    x = random_cells(random, shape, dtype)
    spec, geometry = random_geometry(random, len(Layout(layout).spatial))
    options: dict[str, Any] = {}
    if dtype.kind == "f":
        options["nan"] = str(random.choice(["propagate", "skip"]))
        x.flat[random.integers(0, x.size, random.integers(3))] = np.nan
        x.flat[random.integers(0, x.size, random.integers(2))] = np.inf
    if random.integers(3) == 0:
        options |= {"nodata": x.flat[0].item(), "min_valid": float(random.choice([0, 0.3, 0.9]))}
        if options["nodata"] != options["nodata"]:
            del options["nodata"]
    if op in DIVIDES:
        options["count_include_pad"] = bool(random.integers(2))
        options["divisor"] = [None, None, 3.0, -2.5][random.integers(4)]
    params, codes = {}, ((), ())
    if op == "mixed":
        params = {"alpha": float(random.choice([0, 0.3, 0.5, 1]))}
        codes = params_of(op, params)
    natural = result_dtype(op, dtype.newbyteorder("="))
    target, fit = natural, "exact"
    if random.integers(3) == 0 and op not in ("rms", "mixed"):
        target, fit = np.dtype(str(random.choice(DTYPES[1:]))), str(random.choice(library.FITS))
    try:
        windows = geometry.resolve(
            Layout(layout).spatial_names, [shape[i] for i in Layout(layout).spatial]
        )
    except InputError:
        return
    given = options | {"fit": fit}
    try:
        expected = naive_pool(x, op, spec, layout=layout, dtype=target, **given, **params)
    except Refused:
        expected = None
    if "nodata" in given and op not in ("max", "min", "subsample"):
        try:
            natural.type(given["nodata"])
        except OverflowError:
            return  # the plan refuses it
    order = random.permutation(x.ndim)
    x = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if random.integers(3) == 0:
        x = np.repeat(x, 2, axis=-1)[..., ::2]
    views = {"layout": layout, "params": codes, **given}
    inner = [None, True, False][random.integers(3)]
    what = f"{seed}: {op} {layout} {shape} {dtype} to {target} {geometry} {given} {params}"
    try:
        got = pool_native(x, op, windows, target, inner=inner, **views)
    except native.Problem:
        assert expected is None, what
        return
    assert expected is not None, what
    assert_close(got, expected, x, op, what)
    if op in ("max", "min") and "nodata" not in options:
        nan = options.get("nan", "propagate")
        places = {"layout": layout, "inner": inner, "index": "tensor", "nan": nan}
        indices = pool_native(x, "arg" + op, windows, np.int64, **places)
        wanted = naive_indices(x, op, spec, layout=layout, convention="tensor", nan=nan)
        np.testing.assert_array_equal(indices, wanted, what)
    blocks = pool_native(x, op, windows, target, inner=False, cut=3, seed=seed, **views)
    assert blocks.tobytes() == got.tobytes(), what


def assert_close(got: np.ndarray, expected: np.ndarray, x: np.ndarray, op: str, what: str) -> None:
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    if got.dtype.kind != "f" or op in ("max", "min", "subsample"):
        np.testing.assert_array_equal(got, expected, what)
        return
    finite = (
        np.abs(x[np.isfinite(x)].astype(np.float64))
        if x.dtype.kind == "f"
        else abs(x.astype(float))
    )
    scale = float(finite.max()) if finite.size else 1.0
    # 2 ulp of the mean magnitude, which is at most the scale; a divisor can make more of it.
    scale = max(scale, float(np.abs(expected[np.isfinite(expected)]).max(initial=0)))
    count = x.size if op == "sum" else 1
    ulp = float(np.spacing(np.float64(scale) if got.dtype == "f8" else got.dtype.type(scale)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(
            got.astype(float), expected.astype(float), rtol=0, atol=2 * ulp * count, err_msg=what
        )


@pytest.mark.parametrize("first", range(0, 1000, 50))
def test_random_cases(first: int) -> None:
    every(draws(50, first), one_case)
