"""Windows too large to be gathered: the same results, in pieces and a few passes."""

import numpy as np
import pytest

from poolcli.engine import cells, large, select
from poolcli.errors import InputError
from poolcli.plan import Request
from poolcli.windows import Adaptive, Geometry, Global, Sliding
from tests.helpers.stores import Recorded, Written

DTYPES = ("?", "u1", "i1", "u2", "i4", "u8", "i8", "f2", "f4", "f8", ">f4", ">i2")
GEOMETRIES: dict[str, Geometry] = {
    "global": Global(),
    "adaptive": Adaptive((3, 2)),
    "padded": Sliding((5, 4), 3, 2),
    "dilated": Sliding(3, 2, 1, 2),
}
OPS = (
    ("median", {}),
    ("median", {"method": "lower"}),
    ("quantile", {"q": 0.3}),
    ("quantile", {"q": 0.9, "method": "midpoint"}),
)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is gathered, and pieces hold a few cells."""
    monkeypatch.setattr(select, "NETWORK_MOST", 0)
    monkeypatch.setattr(large, "GATHER_MOST_BYTES", 0)
    monkeypatch.setattr(large, "LANES", 2)
    monkeypatch.setattr(cells, "PIECE_BYTES", 200)


def awkward(shape: tuple[int, ...], name: str) -> np.ndarray:
    rng, dtype = np.random.default_rng(5), np.dtype(name)
    if dtype.kind == "f":
        x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        for value in (0.0, -0.0, np.inf, -np.inf):
            x[rng.random(shape) < 0.05] = value
        x[rng.random(shape) < 0.02] = -np.nan
        return x
    low, high = (0, 2) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return rng.integers(low, high, shape, dtype.newbyteorder("=")).astype(dtype)


@pytest.mark.parametrize(("op", "params"), OPS)
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_counting_gives_what_sorting_gives(op, params, geometry, dtype, request) -> None:
    x = awkward((1, 9, 8, 3), dtype)
    ways = [("propagate", None), ("skip", None), ("propagate", 1)]
    asked = [
        Request(op, geometry, nan=nan, nodata=nodata, params=params, threads=1)
        for nan, nodata in ways
    ]
    expected = [one.plan(x.shape, x.dtype).run(x) for one in asked]
    request.getfixturevalue("counting")
    for one, sorted_ in zip(asked, expected, strict=True):
        assert one.plan(x.shape, x.dtype).run(x).tobytes() == sorted_.tobytes(), one


@pytest.mark.parametrize(("dtype", "passes"), [("u1", 1), ("i2", 1), ("f4", 2), ("f8", 4)])
@pytest.mark.usefixtures("counting")
def test_a_pass_for_every_16_bits(dtype: str, passes: int) -> None:
    source = Recorded(np.arange(600).reshape(20, 30).astype(dtype))
    plan = Request("median", Global(), layout="HW").plan(source.shape, source.dtype)
    plan.run_into(source, Written((1, 1), plan.output_dtype))
    assert (source.visits == passes).all()


def test_only_large_windows_are_counted() -> None:
    source = Recorded(np.arange(600.0).reshape(20, 30))
    plan = Request("median", Global(), layout="HW").plan(source.shape, source.dtype)
    plan.run_into(source, Written((1, 1), plan.output_dtype))
    assert source.factor == 1


@pytest.mark.parametrize("geometry", [Global(), Sliding(4, 4, 0, 2)], ids=["global", "dilated"])
def test_a_refused_nan_is_found_in_pieces(geometry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "PIECE_BYTES", 24)
    x = np.zeros((9, 9), np.float32)
    x[6, 4] = x[8, 2] = np.nan
    plan = Request("max", geometry, layout="HW", nan="error").plan(x.shape, x.dtype)
    with pytest.raises(InputError, match="NaN at height 6, width 4"):
        plan.run(x)
