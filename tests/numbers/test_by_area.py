"""Windows that cut cells (by_area) and cells that have weights, against exact loops and OpenCV."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.engine import library
from poolcli.geometry import Adaptive
from poolcli.request import Request
from tests.helpers.every import every
from tests.spec.areas import naive_areas

LAYOUTS = ("W", "HW", "HWC", "NCHW", "NHWC", "DHW", "NDHWC")
KINDS = ("?", "u1", "i2", ">u2", "i4", "u8", "i8", "f2", "f4", ">f4", "f8")
LENGTHS = {"N": 2, "C": 3}
DIGITS = {2: 2e-3, 4: 2e-7, 8: 4e-16}


def case(seed: int) -> tuple[np.ndarray, tuple[int, ...], str, dict[str, Any]]:
    """An array, output sizes, its layout and a policy."""
    random = np.random.default_rng(seed)
    layout = LAYOUTS[seed % len(LAYOUTS)]
    kind = np.dtype(str(random.choice(KINDS)))
    most = 40 if layout == "W" else 9 if "D" not in layout else 5
    shape = [LENGTHS.get(c) or int(random.integers(1, most)) for c in layout]
    x = random.normal(0, 50, shape)
    x = (x > 0 if kind.kind == "b" else np.abs(x) if kind.kind == "u" else x).astype(kind)
    outs = tuple(int(random.integers(1, most)) for c in layout if c in "DHW")
    options: dict[str, Any] = {}
    if kind.kind == "f":
        x.flat[random.integers(0, x.size, 2)] = [np.nan, np.inf][: 1 + seed % 2] * (2 - seed % 2)
        options["nan"] = str(random.choice(["propagate", "skip"]))
    if kind.kind != "b" and random.integers(3) == 0:
        options["nodata"] = x.flat[0].item() if x.flat[0] == x.flat[0] else 7.0
        options["min_valid"] = float(random.choice([0, 0.25, 0.5, 0.9]))
    return x, outs, layout, options


def compare(got: np.ndarray, wanted: np.ndarray, x: np.ndarray, *, mean: bool) -> None:
    finite = np.abs(x[np.isfinite(x)].astype(float))
    largest = finite.max(initial=0) * (1 if mean else x.size)
    digits = DIGITS[got.dtype.itemsize]
    with np.errstate(over="ignore"):  # float16
        wanted = wanted.astype(got.dtype).astype(float)
    np.testing.assert_allclose(got.astype(float), wanted, rtol=digits, atol=digits * largest)


def test_against_exact_loops_and_in_small_blocks() -> None:
    def check(seed: int) -> None:
        x, outs, layout, options = case(seed)
        for op in ("avg", "sum"):
            given = dict(layout=layout, by_area=True, **options)
            got = poolcli.adaptive_pool(x, op, outs, **given)
            assert got.dtype == (x.dtype.newbyteorder("=") if x.dtype.kind == "f" else "f8")
            compare(got, naive_areas(x, outs, layout, mean=op == "avg", **options), x,
                    mean=op == "avg")  # fmt: skip
            plan = Request(op, Adaptive(outs, by_area=True), layout=layout, **options).plan(
                x.shape, x.dtype
            )
            for some in (1, 200):
                assert plan.single is not None
                assert plan.single.run(x, block_bytes=some).tobytes() == got.tobytes()

    every(range(140), check)


def test_weights_against_exact_loops() -> None:
    def check(seed: int) -> None:
        x, outs, layout, options = case(seed)
        random = np.random.default_rng(seed + 1)
        weights = random.integers(0, 4, x.shape) / 4
        for op in ("avg", "sum"):
            given = dict(layout=layout, weights=weights, **options)
            got = poolcli.adaptive_pool(x, op, outs, by_area=True, **given)
            wanted = naive_areas(x, outs, layout, mean=op == "avg", weights=weights, **options)
            compare(got, wanted, x, mean=op == "avg")
            whole = poolcli.adaptive_pool(x, op, x.shape[-1] if layout == "W" else 1, **given)
            outs_of = (x.shape[-1],) if layout == "W" else (1,) * len(outs)
            wanted = naive_areas(x, outs_of, layout, mean=op == "avg", weights=weights, **options)
            compare(whole, wanted, x, mean=op == "avg")

    every(range(70), check)


def test_min_valid_is_a_part_of_the_area() -> None:
    x = np.array([np.nan, 2.0, 6.0])  # the first window has one half of a cell of one and a half
    for least, wanted in ((0.3, 2.0), (0.34, np.nan)):
        got = poolcli.adaptive_pool(x, "avg", 2, by_area=True, nan="skip", min_valid=least)
        np.testing.assert_equal(got, [wanted, 14 / 3])


def test_sums_share_out_all_there_is() -> None:
    x = np.random.default_rng(3).integers(0, 1000, (37, 53))
    parts = poolcli.adaptive_pool(x, "sum", (11, 17), by_area=True)
    assert abs(parts.sum() - x.sum()) < 1e-9 * x.sum()


def test_where_sizes_divide_it_is_adaptive_pooling() -> None:
    x = np.random.default_rng(4).integers(0, 256, (12, 15), np.uint8)
    for outs in ((4, 5), (12, 15), (1, 1), (6, None)):
        for op in ("avg", "sum"):
            plain = poolcli.adaptive_pool(x, op, outs)
            np.testing.assert_array_equal(poolcli.adaptive_pool(x, op, outs, by_area=True), plain)


@pytest.mark.parametrize("kind", ["u1", "f4"])
@pytest.mark.parametrize("shape", [(100, 70), (99, 101, 3)])
def test_opencv_area_interpolation(kind: str, shape: tuple[int, ...]) -> None:
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    x = np.random.default_rng(5).integers(0, 256, shape).astype(kind)
    for outs in ((40, 33), (7, 64), (60, 7)):
        wanted = cv2.resize(x, outs[::-1], interpolation=cv2.INTER_AREA)
        layout = "HWC"[: len(shape)]
        got = poolcli.adaptive_pool(x, "avg", outs, by_area=True, layout=layout)
        # It has weights of float32, and rounds bytes.
        np.testing.assert_allclose(got, wanted, atol=0.51 if kind == "u1" else 2e-4)


def test_results_are_exact_to_two_units_in_the_last_place() -> None:
    random = np.random.default_rng(6)
    x = random.normal(0, 1, (301, 211)) * 10.0 ** random.integers(-8, 8, (301, 211))
    got = poolcli.adaptive_pool(x, "avg", (3, 2), by_area=True)
    exact = naive_areas(x, (3, 2), "HW", mean=True)
    scale = naive_areas(np.abs(x), (3, 2), "HW", mean=True)
    assert (np.abs(got - exact) <= 2 * np.spacing(scale)).all()


def test_the_ends_of_float64() -> None:
    top = np.finfo("f8").max
    assert poolcli.adaptive_pool([top, top, top], "avg", 2, by_area=True).tolist() == [top, top]
    tiny = poolcli.adaptive_pool([4e-320, 4e-320, 4e-320], "avg", 2, by_area=True)
    np.testing.assert_allclose(tiny, 4e-320, atol=1e-323)
    ends = poolcli.adaptive_pool([np.inf, 1, -np.inf, 5.0], "avg", 3, by_area=True)
    np.testing.assert_equal(ends, [np.inf, -np.inf, -np.inf])


def test_the_same_bytes_for_any_instructions_order_and_threads() -> None:
    x = np.random.default_rng(7).normal(size=(3, 701, 503))
    results = set()
    for isa in library.ISAS:
        library.use_isa(isa)
        for threads in (1, 3):
            got = poolcli.adaptive_pool(
                x, "avg", (100, 37), by_area=True, layout="CHW", threads=threads
            )
            results.add(got.tobytes())
    library.use_isa()
    last = np.ascontiguousarray(x.transpose(1, 2, 0))
    got = poolcli.adaptive_pool(last, "avg", (100, 37), by_area=True, layout="HWC")
    results.add(got.transpose(2, 0, 1).tobytes())
    behind = np.asfortranarray(x)
    results.add(
        poolcli.adaptive_pool(behind, "avg", (100, 37), by_area=True, layout="CHW").tobytes()
    )
    assert len(results) == 1


def test_more_channels_than_one_call_takes_lanes() -> None:
    x = np.random.default_rng(8).normal(size=(5, 6, 9000)).astype("f4")
    got = poolcli.adaptive_pool(x, "avg", (2, 4), by_area=True, layout="HWC")
    for channel in (0, 511, 512, 8191, 8192, 8999):
        one = poolcli.adaptive_pool(x[..., channel], "avg", (2, 4), by_area=True, layout="HW")
        np.testing.assert_array_equal(got[..., channel], one)


WEIGHTS = np.random.default_rng(9).random((6, 7))


def test_weights_of_planes_and_of_whole_arrays() -> None:
    x = np.random.default_rng(10).random((2, 6, 7, 3))
    own = np.random.default_rng(11).random(x.shape)
    for weights in (WEIGHTS, own, own[:1]):
        whole = np.broadcast_to(weights if weights.ndim == 4 else weights[:, :, None], x.shape)
        got = poolcli.pool(x, "avg", 3, stride=2, weights=weights)
        for n, c in np.ndindex(2, 3):
            plane = poolcli.pool(x[n, :, :, c], "avg", 3, stride=2, weights=whole[n, :, :, c])
            np.testing.assert_array_equal(got[n, :, :, c], plane)


def test_every_family_and_axes_take_weights() -> None:
    x = np.random.default_rng(12).random((6, 7))
    mean = (x * WEIGHTS).sum() / WEIGHTS.sum()
    for got in (
        poolcli.global_pool(x, "avg", weights=WEIGHTS, layout="HW"),
        poolcli.adaptive_pool(x, "avg", 1, weights=WEIGHTS)[0, 0],
        poolcli.fractional_pool(x, "avg", 1, size=(6, 7), weights=WEIGHTS)[0, 0],
        poolcli.pyramid_pool(x, "avg", [1, 2], weights=WEIGHTS)[0],
        poolcli.pool(x.T, "avg", (7, 6), axes=(0, 1), weights=WEIGHTS.T)[0, 0],
        poolcli.pool(x, "avg", (6, 7), weights=WEIGHTS, like="torch", layout="HW")[0, 0],
    ):
        assert got == pytest.approx(mean, rel=1e-15)


def test_cells_of_no_weight_do_not_count() -> None:
    x, weights = np.array([[1, np.nan, np.inf, 4, 5, 6]]), [[2, 0, 0, 1, 0, 0]]
    got = poolcli.pool(x, "avg", (1, 2), weights=weights)
    np.testing.assert_equal(got, [[1, 4, np.nan]])
    got = poolcli.pool(x, "sum", (1, 2), weights=weights, nodata=-1)
    np.testing.assert_equal(got, [[2, 4, -1]])
    half = poolcli.pool(x, "avg", (1, 3), weights=weights, min_valid=0.3, nodata=-1)
    np.testing.assert_equal(half, [[1, 4]])
    more = poolcli.pool(x, "avg", (1, 3), weights=weights, min_valid=0.4, nodata=-1)
    np.testing.assert_equal(more, [[-1, -1]])
    both = poolcli.pool([[1, 2, 3, 4]], "avg", (1, 4), weights=[[1, 1, 2, 5]],
                        mask=[[False, False, False, True]])  # fmt: skip
    np.testing.assert_equal(both, [[2.25]])


def test_a_window_in_pieces_is_weighed_alike() -> None:
    random = np.random.default_rng(13)
    x, weights = random.random((3000, 1500), np.float32), random.random((3000, 1500))
    got = poolcli.global_pool(x, "avg", weights=weights, layout="HW")
    assert got == pytest.approx(np.average(x.astype("f8"), weights=weights), rel=1e-6)
    masked = poolcli.global_pool(x, "sum", weights=weights, layout="HW", dtype="f8")
    assert masked == pytest.approx((x.astype("f8") * weights).sum(), rel=1e-13)


@pytest.mark.parametrize(
    ("op", "options", "message"),
    [
        ("max", {}, "max takes no weights; avg and sum do"),
        ("avg", {"weights": -WEIGHTS}, "a weight is -0.* from 0 on are meant"),
        ("avg", {"weights": WEIGHTS * np.nan}, "a weight is nan"),
        ("avg", {"weights": WEIGHTS[:3]}, "the shape of the weights is 3x7; for 6x7 as HW"),
        ("avg", {"weights": [["a"]]}, "the weights are of <U1"),
        ("avg", {"divisor": 2.0}, "weights are what is divided by"),
        ("avg", {"count_include_pad": True}, "weights are what is divided by"),
    ],
)
def test_what_weights_refuse(op: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(poolcli.PoolError, match=message):
        poolcli.pool(np.ones((6, 7)), op, 2, **({"weights": WEIGHTS} | options))


def test_what_by_area_refuses() -> None:
    with pytest.raises(poolcli.UsageError, match="max takes cells whole; `by_area` is for avg"):
        poolcli.adaptive_pool(np.ones(5), "max", 2, by_area=True)
    with pytest.raises(poolcli.UsageError, match="by_area"):
        poolcli.adaptive_pool(np.ones(5), "avg", 2, by_area=3)  # type: ignore[call-overload]
    with pytest.raises(poolcli.UsageError, match="avg picks no cell"):
        poolcli.adaptive_pool(np.ones(5), "avg", 2, by_area=True, return_indices=True)
