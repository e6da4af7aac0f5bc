"""Windows larger than a block: the same bytes in pieces, and no more reads than they need."""

import time

import numpy as np
import pytest

from poolcli import OPS
from poolcli import plan as plan_module
from poolcli.engine import blocks, worker
from poolcli.engine.repeat import Repeat
from poolcli.errors import InputError
from poolcli.geometry import Adaptive, Geometry, Global, Sliding
from poolcli.request import Request
from tests.helpers.every import FUZZ, every
from tests.helpers.stores import Recorded, Written

DTYPES = ("?", "u1", "i1", "u2", "i4", "u8", "i8", "f2", "f4", "f8", ">f4", ">i2")
GEOMETRIES: dict[str, Geometry] = {
    "global": Global(),
    "adaptive": Adaptive((3, 2)),
    "padded": Sliding((5, 4), 4, 2),
    "dilated": Sliding(3, 2, 1, 2),
    "overlapping": Sliding((6, 3), 1),
}
SHAPES = ((1, 9, 8, 3), (2, 9, 8, 1))
PIECES = (200, 72)  # rows longer than the least that is ranked are turned: sums of them are others
WAYS = (("propagate", None), ("skip", None), ("propagate", 1))  # integers have nothing to skip
PARAMS = {"stochastic": {"mode": "expected", "negatives": "relu"}}
# An op and its parameters, all of them and more ways to rank.
ASKED = [(op, PARAMS.get(op, {})) for op in OPS] + [
    ("median", {"method": "lower"}),
    ("quantile", {"q": 0.3}),
    ("quantile", {"q": 0.9, "method": "midpoint"}),
]


def make_pieces_small(patch: pytest.MonkeyPatch, nbytes: int) -> None:
    """Let windows come in pieces of a few cells, rows of the last axis first where they can."""
    for name in ("PIECES_FROM", "RANKED_PIECES_FROM", "WINDOWS_MOST"):
        patch.setattr(worker, name, nbytes)
    patch.setattr(plan_module, "SMALL_BYTES", 0)
    patch.setattr(Repeat, "run", lambda *_: False)


def awkward(shape: tuple[int, ...], name: str) -> np.ndarray:
    rng, dtype = np.random.default_rng(5), np.dtype(name)
    if dtype.kind == "f":
        x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        for value in (0.0, -0.0, np.inf, -np.inf):
            x[rng.random(shape) < 0.05] = value
        x[rng.random(shape) < 0.02] = -np.nan
        return x
    low, high = (0, 2) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return rng.integers(low // 64, high // 64 + 2, shape, dtype.newbyteorder("=")).astype(dtype)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("op", "params"), ASKED, ids=str)
def test_pieces_give_the_bytes_of_the_whole(op, params, geometry, monkeypatch) -> None:
    def check(dtype: str) -> None:
        # Either shape and size of pieces with every op and type, and with every op and geometry:
        # all pairs of them in `make fuzz`.
        number = DTYPES.index(dtype) + list(GEOMETRIES).index(geometry)
        for shape in SHAPES if FUZZ > 1 else [SHAPES[number % 2]]:
            x = awkward(shape, dtype)
            for nan, nodata in WAYS if x.dtype.kind == "f" else WAYS[::2]:
                request = Request(
                    op, GEOMETRIES[geometry], nan=nan, nodata=nodata, params=params, threads=1
                )
                plan = request.plan(x.shape, x.dtype)
                expected = plan.run(x).tobytes()
                for nbytes in PIECES if FUZZ > 1 else [PIECES[number // 2 % 2]]:
                    with monkeypatch.context() as patch:
                        make_pieces_small(patch, nbytes)
                        patch.setattr(worker, "is_turned", lambda task: False)
                        got = plan.run(x).tobytes()
                    assert got == expected, (shape, nan, nodata, nbytes)

    every(DTYPES, check)


@pytest.mark.parametrize("layout", ["W", "HW", "HWC", "DHW"])
@pytest.mark.parametrize("op", ["max", "avg", "median", "var", "mode", "subsample"])
def test_long_rows_come_in_pieces_too(op, layout, monkeypatch) -> None:
    """A window of one giant row is cut along it, to results that are as near to exact as ever."""
    shape = {"W": (900,), "HW": (3, 301), "HWC": (2, 300, 3), "DHW": (2, 2, 200)}[layout]
    x = awkward(shape, "i2").astype(np.float64)
    plan = Request(op, Global(), layout=layout).plan(shape, x.dtype)
    expected = plan.run(x)
    make_pieces_small(monkeypatch, 400)
    boxes = []
    source = Recorded(x)
    read = source.read_box
    source.read_box = lambda box, out: (boxes.append(box), read(box, out))
    target = Written(plan.keepdims_shape, plan.output_dtype)
    plan.run_into(source, target)
    np.testing.assert_allclose(target.array.reshape(expected.shape), expected, rtol=1e-15)
    assert len(boxes) > 4 or op == "mode"


@pytest.mark.parametrize(("dtype", "passes"), [("u1", 1), ("i2", 1), ("f4", 2), ("f8", 4)])
def test_a_pass_for_every_16_bits(dtype: str, passes: int, monkeypatch) -> None:
    make_pieces_small(monkeypatch, 1000)
    source = Recorded(np.arange(600).reshape(20, 30).astype(dtype))
    plan = Request("median", Global(), layout="HW").plan(source.shape, source.dtype)
    plan.run_into(source, Written((1, 1), plan.output_dtype))
    assert (source.visits == (passes if source.array.nbytes > 1000 else 1)).all()


def test_only_large_windows_are_counted() -> None:
    source = Recorded(np.arange(600.0).reshape(20, 30))
    plan = Request("median", Global(), layout="HW").plan(source.shape, source.dtype)
    plan.run_into(source, Written((1, 1), plan.output_dtype))
    assert source.factor == 1


@pytest.mark.parametrize("geometry", [Global(), Sliding(4, 4, 0, 2)], ids=["global", "dilated"])
@pytest.mark.parametrize("nbytes", [24, 80, 10**6])
def test_a_refused_nan_is_found_in_pieces(geometry, nbytes, monkeypatch) -> None:
    make_pieces_small(monkeypatch, nbytes)
    x = np.zeros((9, 9), np.float32)
    x[6, 4] = x[8, 2] = np.nan
    plan = Request("max", geometry, layout="HW", nan="error").plan(x.shape, x.dtype)
    with pytest.raises(InputError, match="NaN at height 6, width 4"):
        plan.run(x)


def test_a_run_that_fails_stops_others_between_pieces(monkeypatch) -> None:
    """Nobody goes on through a window of many pieces when another thread has failed."""
    make_pieces_small(monkeypatch, 1 << 10)
    monkeypatch.setattr(blocks, "THREADED_BYTES", 0)
    x = np.zeros((2, 256, 256), np.float32)
    source = Recorded(x)
    read = source.read_box

    def failing(box, out):
        if box[0][0] == 1:
            raise InputError("no more")
        time.sleep(0.001)  # lets the other thread fail before this one has gone through its window
        read(box, out)

    source.read_box = failing
    plan = Request("max", Global(), layout="CHW", threads=2).plan(x.shape, x.dtype)
    with pytest.raises(InputError, match="no more"):
        plan.run_into(source, Written(plan.keepdims_shape, plan.output_dtype), block_bytes=1)
    assert source.visits[0].mean() < 1


@pytest.mark.parametrize(
    ("op", "geometry", "shape", "expected"),
    [
        ("max", Sliding(60_000, stride=1), (65_536, 65_536), 4 * 60_000**2),
        ("avg", Sliding((60_000, 3), stride=1), (65_536, 65_536), 4 * 60_000 * 3),
        ("max", Sliding(1 << 30, stride=1), (1 << 31,), 4 << 30),
        ("max", Sliding(60_000), (65_536, 65_536), 0),  # comes in pieces
        ("median", Sliding(60_000, stride=1), (65_536, 65_536), 0),
        ("max", Global(), (65_536, 65_536), 0),
    ],
)
def test_windows_that_share_their_work_say_how_much_memory_they_take(
    op: str, geometry: Geometry, shape: tuple[int, ...], expected: int
) -> None:
    plan = Request(op, geometry).plan_alone(shape, np.dtype(np.float32))
    assert plan.window_bytes == expected
