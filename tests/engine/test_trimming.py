"""Windows that reach far over padding: the bytes of whole trees, from trees of few cells."""

import itertools

import numpy as np
import pytest

from poolcli import OPS, windows
from poolcli.engine.kernel import Fold, Kernel
from poolcli.engine.order import trimmed_windows
from poolcli.errors import InputError
from poolcli.geometry import Sliding
from poolcli.plan import Request
from poolcli.windows import Windows

DTYPES = ("?", "u1", "i8", "f2", "f4", "f8")
PARAMS = {"stochastic": {"mode": "expected", "negatives": "relu"}}
GEOMETRIES = {
    "far": Sliding(90, 7, 89),
    "one": Sliding(301, 301, 150),
    "uneven": Sliding((70, 45), (3, 20), ((69, 5), (30, 44))),
    "dilated": Sliding(20, 2, 57, 3),
    "dilated far": Sliding((9, 5), 10, ((80, 70), (20, 20)), (10, 5)),
    "every": Sliding(40, 1, 39),
    "ceil": Sliding(64, 31, 60, 1, True),
    "small": Sliding(3, 2, 2),
}


def kernel_of(op: str) -> Kernel:
    request = Request(op, Sliding(2), params=PARAMS.get(op, {}))
    return request.plan((4, 4), np.dtype("f4")).kernel


# All others look at whole windows, of their real cells alone.
FOLDS = [op for op in sorted(OPS) if isinstance(kernel_of(op), Fold)]


def awkward(shape: tuple[int, ...], name: str) -> np.ndarray:
    rng, dtype = np.random.default_rng(2), np.dtype(name)
    if dtype.kind != "f":
        low, high = (0, 2) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        return rng.integers(low // 200, high // 200 + 2, shape).astype(dtype)
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
    for value in (0.0, -0.0, np.inf, -np.inf, np.nan):
        x[rng.random(shape) < 0.02] = value
    return x


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", FOLDS)
def test_trimmed_windows_give_the_same_bytes(op, dtype, geometry, monkeypatch) -> None:
    x = awkward((2, 11, 9, 3), dtype)
    asked = [
        Request(op, geometry, params=PARAMS.get(op, {}), **how)
        for how in ({}, {"nan": "skip"}, {"nodata": 1}, {"count_include_pad": OPS[op].divides})
    ]
    plans = [one.plan(x.shape, x.dtype) for one in asked]
    monkeypatch.setattr(windows, "FAR", 10**9)
    whole = [plan.run(x) for plan in plans]
    monkeypatch.setattr(windows, "FAR", 0)
    for plan, expected in zip(plans, whole, strict=True):
        for size in (1 << 20, 300):
            assert plan.run(x, block_bytes=size).tobytes() == expected.tobytes(), plan.request


@pytest.mark.parametrize("op", ["max", "min"])
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_trimmed_windows_have_the_same_winners(op, geometry, monkeypatch) -> None:
    x = np.random.default_rng(1).integers(0, 5, (2, 11, 9, 3)).astype("f4")
    plan = Request(op, geometry).plan(x.shape, x.dtype)
    monkeypatch.setattr(windows, "FAR", 10**9)
    expected = plan.winners(x)
    monkeypatch.setattr(windows, "FAR", 0)
    np.testing.assert_array_equal(plan.winners(x), expected)


def test_trimmed_windows_hold_the_same_real_cells_and_few_others() -> None:
    cells, sizes = (1, 2, 5, 8), (1, 2, 7, 30, 10**9, 2**60)
    looked_at = 0
    for n, size, stride, dilation in itertools.product(cells, sizes, (1, 6, 10**8), (1, 3, 40)):
        if size * dilation > 2**60:
            continue
        for skip in (0, 1, size // 3, size - 1):
            w = Windows("width", n, range(-skip * dilation, n, stride), size, dilation)
            w = w.part(0, min(w.out, 20))
            real = [i for i in range(w.out) if w.real(i)]
            if not real:
                continue
            w = w.part(real[0], real[-1] + 1)
            if any(w.real(i) == 0 for i in range(w.out)):
                continue
            (got,) = trimmed_windows(kernel_of("max"), (w,))
            looked_at += got is not w
            assert got.out == w.out
            for i in range(w.out):
                assert got.real(i) == w.real(i)
                assert got.real_span(i) == w.real_span(i)
                assert got is w or got.size(i) <= max(1, 4 * w.real(i))
    assert looked_at > 200


def test_too_many_windows_over_padding_are_refused_before_any_work() -> None:
    geometry = Sliding(2**50, 2**20, 2**50 - 1)
    with pytest.raises(InputError, match="1073741825 windows reach far over padding"):
        Request("max", geometry, layout="W").plan((4,), np.dtype("u1"))
