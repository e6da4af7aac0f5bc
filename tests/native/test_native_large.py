"""Large windows: exact enough, at any cut into blocks or pieces, by any instruction set."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from poolcli.engine import library, native
from poolcli.geometry import Adaptive, Global, Sliding
from tests.native.blocks import pool_native

NAMES = {1: ["width"], 2: ["height", "width"], 3: ["depth", "height", "width"]}


def windows_over(x: np.ndarray, size: tuple[int, ...], stride: tuple[int, ...]) -> np.ndarray:
    """All windows side by side: their cells along the last axis, in long doubles."""
    views = sliding_window_view(x, size)[tuple(slice(None, None, s) for s in stride)]
    return views.reshape(*views.shape[: x.ndim], -1)


def ulps(got: np.ndarray, exact: np.ndarray, scale: np.ndarray) -> float:
    return float((np.abs(got - exact) / np.spacing(np.abs(scale).astype(got.dtype))).max())


CASES = [
    ((60, 70), (31, 31), (1, 1)),
    ((60, 70), (9, 33), (1, 2)),
    ((64, 41), (12, 10), (5, 1)),
    ((50, 100), (17, 64), (8, 64)),
    ((1, 3000), (1, 1000), (1, 1)),
    ((1, 9000), (1, 4001), (1, 4001)),
    ((200, 5), (101, 2), (1, 2)),
    ((20, 24, 22), (11, 10, 9), (1, 2, 1)),
]


@pytest.mark.parametrize(("shape", "size", "stride"), CASES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i8"])
def test_large_windows(shape, size, stride, dtype) -> None:
    random = np.random.default_rng(3)
    if dtype[0] == "f":
        x = (random.random(shape) - 0.3).astype(dtype)
    else:
        x = random.integers(0, np.iinfo(dtype).max >> 13 if dtype == "i8" else 255, shape, dtype)
    windows = Sliding(size, stride).resolve(NAMES[len(shape)], shape)
    layout = {2: "HW", 3: "DHW"}[len(shape)]
    every = windows_over(x.astype(np.longdouble), size, stride)
    real = np.float32 if dtype == "f4" else np.float64
    mean = pool_native(x, "avg", windows, real, layout=layout)
    assert ulps(mean, every.mean(axis=-1), np.abs(every).mean(axis=-1)) <= 2
    top = pool_native(x, "max", windows, dtype, layout=layout)
    np.testing.assert_array_equal(top, every.max(axis=-1).astype(dtype))
    total = pool_native(
        x,
        "sum",
        windows,
        dtype if dtype[0] == "f" else "u8" if dtype == "u1" else "i8",
        layout=layout,
    )
    if dtype[0] != "f":
        np.testing.assert_array_equal(total, every.sum(axis=-1).astype(total.dtype))
    where = pool_native(x, "argmax", windows, np.int64, layout=layout)
    np.testing.assert_array_equal(x.ravel()[where], top)
    first = every.argmax(axis=-1)
    starts = np.meshgrid(*(list(w.starts) for w in windows), indexing="ij")
    inside = np.unravel_index(first, size)
    wanted = np.ravel_multi_index([s + i for s, i in zip(starts, inside, strict=True)], shape)
    np.testing.assert_array_equal(where, wanted)
    for op, whole in (("avg", mean), ("max", top), ("sum", total), ("argmax", where)):
        for seed in range(2):
            cut = pool_native(x, op, windows, whole.dtype, layout=layout, cut=9, seed=seed)
            assert cut.tobytes() == whole.tobytes()


GEOMETRIES = {
    "31/1 with padding": lambda: Sliding(31, 1, 15),
    "30/7 ceil": lambda: Sliding(30, 7, 4, 1, True),
    "11/1 dilated": lambda: Sliding(11, 1, 5, 3),
    "global": Global,
    "adaptive": lambda: Adaptive((3, 5)),
    "adaptive up": lambda: Adaptive((100, 90)),
    "3/2": lambda: Sliding(3, 2, 1),
    "2/2": lambda: Sliding(2, 2),
}


def hard_cells(random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "f":
        return random.integers(0, 2 if dtype.kind == "b" else 100, shape).astype(dtype)
    x = random.standard_normal(shape) * 2.0 ** random.integers(-9, 9, shape)
    x.flat[random.integers(0, x.size, 9)] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1, 2]
    return x.astype(dtype)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("dtype", library.TYPES)
def test_the_same_bytes_by_any_instructions_lanes_and_blocks(name: str, dtype: str) -> None:
    random = np.random.default_rng(11)
    with np.errstate(over="ignore"):
        x = hard_cells(random, (3, 71, 83), np.dtype(dtype))
    windows = GEOMETRIES[name]().resolve(NAMES[2], x.shape[1:])
    real = x.dtype if x.dtype.kind == "f" else np.dtype("f8")
    outs = {"max": x.dtype, "min": x.dtype, "avg": real, "rms": real, "argmin": np.int64}
    outs["sum"] = real if x.dtype.kind == "f" else "u8" if x.dtype.kind == "u" else "i8"
    for op, out in outs.items():
        for nan in ("propagate", "skip") if x.dtype.kind == "f" else ("propagate",):
            results = set()
            for isa in library.ISAS:
                library.use_isa(isa)
                results.add(pool_native(x, op, windows, out, layout="CHW", nan=nan).tobytes())
            library.use_isa()
            last = np.ascontiguousarray(x.transpose(1, 2, 0))
            hwc = pool_native(last, op, windows, out, layout="HWC", nan=nan)
            results.add(hwc.transpose(2, 0, 1).tobytes())
            fortran = np.asfortranarray(x)
            results.add(
                pool_native(fortran, op, windows, out, layout="CHW", nan=nan, cut=40).tobytes()
            )
            assert len(results) == 1, (op, nan)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u2", "i8"])
@pytest.mark.parametrize("op", ["avg", "sum", "max", "argmax", "subsample", "range"])
@pytest.mark.parametrize("nan", ["propagate", "skip"])
def test_windows_in_pieces(dtype: str, op: str, nan: str) -> None:
    """Rows after rows of one window, as of an array larger than memory."""
    random = np.random.default_rng(2)
    x = hard_cells(random, (2, 4, 60, 37, 3), np.dtype(dtype))
    windows = Sliding((4, 50, 9), (1, 50, 4), (0, 3, 2)).resolve(NAMES[3], x.shape[1:4])
    windows = (windows[0], windows[1].part(0, 1), windows[2])
    real = x.dtype if x.dtype.kind == "f" else np.dtype("f8")
    wide = real if x.dtype.kind == "f" else "u8" if x.dtype.kind == "u" else "i8"
    out_dtype = np.dtype({"avg": real, "sum": wide, "range": wide, "argmax": "i8"}.get(op, x.dtype))
    missing = native.Missing(True, None, np.nan if out_dtype.kind == "f" else -1)
    work = native.Work(
        op, x.dtype, out_dtype, windows, 1, inner=True, cell_coefs=(0, 60 * 37, 37, 1, 0),
        missing=missing if nan == "skip" and x.dtype.kind == "f" else None,
    )  # fmt: skip
    whole = np.empty((2, 1, 1, windows[2].out, 3), out_dtype)
    work.block(x, whole)
    out = np.empty_like(whole)
    state = np.empty(work.state_bytes(x, out), np.uint8)
    pieces = [(d, low, high) for d in range(4) for low, high in ((0, 10), (10, 11), (11, 60))]
    for number, (d, low, high) in enumerate(pieces):
        work.block(
            x[:, d : d + 1, low:high].copy(), out, held=(d, low, 0), state=state,
            continues=number > 0, unfinished=number < len(pieces) - 1,
        )  # fmt: skip
    assert out.tobytes() == whole.tobytes()
