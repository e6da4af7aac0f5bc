"""Values at the ends of what floats hold, and sums that must not lose digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from poolcli.engine import library, native
from poolcli.geometry import Adaptive, Global, Sliding
from tests.native.blocks import params_of, pool_native
from tests.spec.ops import op_var

LARGEST = float(np.finfo(float).max)
NAMES = ["height", "width"]


def whole(x: np.ndarray, op: str, params: dict[str, Any], out: Any = None, **options: Any) -> Any:
    """The result of one window over a row of cells."""
    windows = Global().resolve(["width"], x.shape)
    codes = params_of(op, params)
    return pool_native(x, op, windows, out or x.dtype, layout="W", params=codes, **options)[0]


LP, RELU = {"norm": 2.0, "signed": False}, {"negatives": "relu"}
SHIFT = {"negatives": "shift"}
CORNERS = [
    ("lp", [0.0005, 0.0003], LP | {"norm": 100.0}, 0.0005),
    ("lp", [1e200, 1e200], LP, 2**0.5 * 1e200),
    ("lp", [3e-200, 4e-200], LP, 5e-200),
    ("lp", [5e-324, 0], LP, 5e-324),
    ("lp", [0.0, 0.0], LP, 0.0),
    ("lp", [2.0, -3.0], LP | {"norm": 1e300}, 3.0),
    ("lp", [2.0, -np.inf], LP | {"norm": 2.5}, np.inf),
    ("lp", [LARGEST, -1.0], LP | {"norm": np.inf}, LARGEST),
    ("lp", [2.0, -3.0], {"norm": 3.0, "signed": True}, np.nan),
    ("lp", [-2.0, 3.0], {"norm": 3.0, "signed": True}, 19 ** (1 / 3)),
    ("gem", [0.0, 0.0], {"p": 100.0, "eps": 1e-6}, 1e-6),
    ("gem", [1e200, 1e200], {"p": 3.0, "eps": 1e-6}, 1e200),
    ("gem", [-np.inf, 1.0], {"p": 1.0, "eps": 0.5}, 0.75),
    ("lse", [1, 2, 3, 4], {"r": 1e-17}, 2.5),
    ("lse", [1, 2, 3, 4], {"r": -1e-17}, 2.5),
    ("lse", [1e308, 1e308], {"r": 10.0}, 1e308),
    ("lse", [0, 255, 255, 0], {"r": 1.0}, 255 - np.log(2)),
    ("lse", [-np.inf, -np.inf], {"r": 1.0}, -np.inf),
    ("lse", [-np.inf, 0.0], {"r": 1.0}, -np.log(2)),
    ("lse", [np.inf, 0.0], {"r": -1.0}, np.log(2)),
    ("soft", [1.7e308, 1.7e308], {}, 1.7e308),
    ("soft", [-LARGEST, -LARGEST, -LARGEST], {}, -LARGEST),
    ("soft", [LARGEST, -LARGEST, np.inf], {}, np.inf),
    ("soft", [-np.inf, 3.0], {}, 3.0),
    ("soft", [-np.inf, -np.inf], {}, -np.inf),
    ("std", [1e160, -1e160], {"ddof": 0}, 1e160),
    ("std", [LARGEST, -LARGEST], {"ddof": 0}, LARGEST),
    ("var", [1e16, 1e16 + 2], {"ddof": 0}, 1.0),
    ("var", [1.0, 2.0], {"ddof": 2}, np.nan),
    ("var", [1.0, 2.0], {"ddof": 10**30}, np.nan),
    ("var", [1.0, np.inf], {"ddof": 0}, np.nan),
    ("expected", [1.0, np.inf, 2.0], RELU, np.inf),
    ("expected", [1e200, 1e200], RELU, 1e200),
    ("expected", [1e-300, 2e-300], RELU, 5 / 3 * 1e-300),
    ("expected", [5e-324, 0], RELU, 5e-324),
    ("expected", [0.0, 0.0], RELU, 0.0),
    ("expected", [1e-300, 3e-300], SHIFT, 3e-300),
    ("expected", [1e308, -1e308, 1e308], SHIFT, 1e308),
    ("expected", [-2.5, -2.5], SHIFT, -2.5),
    ("expected", [-np.inf, 2.0, 4.0], SHIFT, 3.0),
    ("expected", [-np.inf, -np.inf], SHIFT, -np.inf),
]


@pytest.mark.parametrize(("op", "cells", "params", "wanted"), CORNERS)
def test_corners(op: str, cells: list[float], params: dict[str, Any], wanted: float) -> None:
    got = whole(np.array(cells, float), op, params)
    np.testing.assert_allclose(got, wanted, rtol=4e-16)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("value", [5.0, -0.7, 1 / 3, 1e30, -0.0])
def test_windows_of_one_value(dtype: str, value: float) -> None:
    """It is what they give, to the bit."""
    for n in (1, 4, 7, 100):
        x = np.full(n, value, dtype)
        for r in (1.0, 0.1, -2.5, 40.0):
            assert whole(x, "lse", {"r": r}) == x[0]
        assert whole(x, "soft", {}) == pytest.approx(x[0], rel=2e-16)
        assert whole(x, "std", {"ddof": 0}) == 0
        assert whole(x, "expected", SHIFT) == x[0]


def test_a_few_cells_far_above_a_million_others() -> None:
    x = np.zeros(1_000_000)
    x[123] = 60.0
    with mpmath.workprec(100):
        exact = float(mpmath.log((mpmath.exp(60) + len(x) - 1) / len(x)))
    assert whole(x, "lse", {"r": 1.0}) == pytest.approx(exact, rel=3e-16)


@pytest.mark.parametrize(("dtype", "ulps"), [("f4", 2), ("f8", 2), ("i8", 2), ("u2", 2), ("i4", 2)])
def test_deviations_beside_a_large_mean(dtype: str, ulps: float) -> None:
    """About as near to the exact result as a mean is."""
    random = np.random.default_rng(4)
    for size in (2, 9, 1000):
        if dtype[0] == "f":
            x = (
                1e6 + random.integers(-9, 9, (40, size)) * (0.0625 if dtype == "f4" else 1e-9)
            ).astype(dtype)
        else:
            top = min(np.iinfo(dtype).max, 2**60)
            x = (top - random.integers(0, 99, (40, size))).astype(dtype)
        windows = Sliding((1, size)).resolve(NAMES, x.shape)
        out = x.dtype if dtype[0] == "f" else np.dtype("f8")
        for op in ("var", "std"):
            params = params_of(op, {"ddof": 0})
            got = pool_native(x, op, windows, out, layout="HW", params=params)[:, 0]
            for row, value in zip(x.tolist(), got, strict=True):
                with mpmath.workprec(300):
                    variance = op_var(row)
                    exact = mpmath.mpf(variance.numerator) / variance.denominator
                    exact = mpmath.sqrt(exact) if op == "std" else exact
                    assert abs(float(value) - exact) <= ulps * mpmath.mpf(float(np.spacing(value)))


OPS = {
    "lp": LP | {"norm": 2.5},
    "gem": {"p": 3.0, "eps": 1e-6},
    "soft": {},
    "lse": {"r": 0.7},
    "std": {"ddof": 1},
    "expected": RELU,
    "sample": {"seed": 3} | SHIFT,
}
GEOMETRIES = {
    "2/2": Sliding(2),
    "3/2": Sliding(3, 2, 1),
    "3/1": Sliding(3, 1),
    "12/1": Sliding(12, 1, 5),
    "5/3 dilated": Sliding(5, 3, 2, 2),
    "adaptive": Adaptive((3, 50)),
    "global": Global(),
}


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
def test_the_same_bytes_by_any_instructions_lanes_and_blocks(name: str, dtype: str) -> None:
    random = np.random.default_rng(11)
    if dtype[0] == "f":
        x = random.standard_normal((3, 41, 67)) * 2.0 ** random.integers(-9, 9, (3, 41, 67))
        x.flat[random.integers(0, x.size, 6)] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30]
    else:
        x = random.integers(0, 100, (3, 41, 67))
    x = x.astype(dtype)
    windows = GEOMETRIES[name].resolve(NAMES, x.shape[1:])
    for op, params in OPS.items():
        out = x.dtype if op == "sample" or dtype[0] == "f" else np.dtype("f8")
        codes = params_of(op, params)
        for nan in ("propagate", "skip") if dtype[0] == "f" else ("propagate",):
            results = set()
            for isa in library.ISAS:
                library.use_isa(isa)
                got = pool_native(x, op, windows, out, layout="CHW", nan=nan, params=codes)
                results.add(got.tobytes())
            library.use_isa()
            last = np.ascontiguousarray(x.transpose(1, 2, 0))
            got = pool_native(last, op, windows, out, layout="HWC", nan=nan, params=codes)
            results.add(got.transpose(2, 0, 1).tobytes())
            fortran = np.asfortranarray(x)
            cut = pool_native(
                fortran, op, windows, out, layout="CHW", nan=nan, cut=30, params=codes
            )
            results.add(cut.tobytes())
            assert len(results) == 1, (op, nan)


@pytest.mark.parametrize("op", [op for op in OPS if op != "sample"])
@pytest.mark.parametrize("nan", ["propagate", "skip"])
def test_windows_in_pieces(op: str, nan: str) -> None:
    """Rows after rows of one window, as of an array larger than memory."""
    x = np.random.default_rng(2).standard_normal((2, 60, 37, 3)).astype(np.float32)
    x[0, 5, 5, 1] = np.nan
    windows = Sliding((50, 9), (50, 4), (3, 2)).resolve(NAMES, x.shape[1:3])
    windows = (windows[0].part(0, 1), windows[1])
    work = native.Work(
        op, x.dtype, x.dtype, windows, 1, inner=True, params=params_of(op, OPS[op]),
        missing=native.Missing(True, None, np.nan) if nan == "skip" else None,
    )  # fmt: skip
    result = np.empty((2, 1, windows[1].out, 3), x.dtype)
    work.block(x, result)
    out = np.empty_like(result)
    state = np.empty(work.state_bytes(x, out), np.uint8)
    pieces = [(0, 10), (10, 11), (11, 60)]
    for number, (low, high) in enumerate(pieces):
        work.block(
            x[:, low:high].copy(), out, held=(low, 0), state=state,
            continues=number > 0, unfinished=number < len(pieces) - 1,
        )  # fmt: skip
    assert out.tobytes() == result.tobytes()


@pytest.mark.parametrize(
    ("op", "params", "scale"),
    [("lp", LP, 1e-200), ("lp", LP, 0.0), ("lp", LP, 1e200),
     ("gem", {"p": 3.0, "eps": 1e-300}, 0.0),
     ("soft", {}, 1.7e308), ("std", {"ddof": 0}, 1e200), ("expected", RELU, 1e-200)],
)  # fmt: skip
def test_pieces_at_the_ends_of_the_exponents(op: str, params: dict[str, Any], scale: float) -> None:
    """What a plain sum does not hold is rescued from the states of pieces, too."""
    x = np.linspace(0.5, 1, 40)[:, None] * scale * np.ones((1, 9))
    windows = Global().resolve(NAMES, x.shape)
    work = native.Work(op, x.dtype, x.dtype, windows, 0, params=params_of(op, params))
    result, out = np.empty((1, 1)), np.empty((1, 1))
    work.block(x, result)
    assert np.isfinite(result).all()
    state = np.empty(work.state_bytes(x, out), np.uint8)
    work.block(x[:13], out, held=(0, 0), state=state, unfinished=True)
    work.block(x[13:], out, held=(13, 0), state=state, continues=True)
    assert out.tobytes() == result.tobytes()
