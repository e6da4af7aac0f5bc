"""One answer (S8): the bytes do not depend on blocks, threads, memory order or the output given."""

import numpy as np
import pytest

from poolcli import OPS
from poolcli.geometry import Adaptive, Global, Sliding
from poolcli.request import Request

# (threads, bytes in a block): one row at a time, odd sizes, everything at once.
WAYS = ((8, 1), (3, 50), (1, 333), (2, 1000), (8, 4097), (5, 20_000), (2, 1 << 30))
GEOMETRIES = {
    "2/2": Sliding(2),
    "3/2 p1": Sliding(3, 2, 1),
    "5/1 ceil": Sliding(5, 1, ((2, 4), (0, 3)), 1, True),
    "3/4 d2 same": Sliding(3, 4, "same", 2),
    "9x1/1": Sliding((9, 1), 1),
    "1x16/3": Sliding((1, 16), 3, (0, 8)),
    "31/1": Sliding((31, 5), 1, ((15, 15), 0)),
    "2/2 dense": Sliding((3, 2), 2),
    "global": Global(),
    "adaptive few": Adaptive((3, 2)),
    "adaptive many": Adaptive((20, 23)),
}


def awkward(shape, dtype):
    """Everything whose bytes could depend on the order of work."""
    rng = np.random.default_rng(8)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min // 64, limits.max // 64, shape, dtype)
    x = (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
    x[rng.random(shape) < 0.1] = -0.0
    x[rng.random(shape) < 0.1] = 0.0
    for value, share in ((np.inf, 0.01), (-np.inf, 0.01), (np.finfo(dtype).max, 0.02)):
        x[rng.random(shape) < share] = value
    bits = x.view(f"u{dtype.itemsize}")
    nans = rng.random(shape) < 0.02
    payload = rng.integers(1, 99, shape).astype(bits.dtype)
    bits[nans] = np.array(np.nan, dtype).view(bits.dtype) + payload[nans]
    x[rng.random(shape) < 0.01] *= -1  # NaNs of both signs
    return x


@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("op", ["max", "min", "avg", "sum"])
def test_the_same_bytes(op, dtype, geometry):
    x = awkward((2, 21, 23, 3), dtype)
    for nan in ("propagate", "skip") if x.dtype.kind == "f" else ("propagate",):
        request = Request(op=op, geometry=geometry, nan=nan)
        expected = request.plan(x.shape, x.dtype).run(x).tobytes()
        for threads, block_bytes in WAYS:
            plan = Request(op=op, geometry=geometry, nan=nan, threads=threads)
            got = plan.plan(x.shape, x.dtype).run(x, block_bytes=block_bytes)
            assert got.tobytes() == expected, (nan, threads, block_bytes)


@pytest.mark.parametrize("geometry", ["3/2 p1", "3/4 d2 same", "global"])
@pytest.mark.parametrize("dtype", ["i2", "f2", "f4"])
@pytest.mark.parametrize("op", sorted(set(OPS) - {"max", "min", "avg", "sum"}))
def test_the_same_bytes_of_every_op(op, dtype, geometry):
    x = awkward((2, 19, 17, 3), dtype)
    params = {"negatives": "relu"} if op == "stochastic" else {}
    for nan in ("propagate", "skip"):
        plans = [
            Request(op, GEOMETRIES[geometry], nan=nan, params=params, threads=threads)
            for threads in (None, 1, 3, 8)
        ]
        first, *others = (plan.plan(x.shape, x.dtype) for plan in plans)
        expected = first.run(x).tobytes()
        for plan, block_bytes in zip(others, (1, 333, 1000), strict=True):
            assert plan.run(x, block_bytes=block_bytes).tobytes() == expected


FORMS = {
    "fortran": np.asfortranarray,
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "every second": lambda x: np.repeat(np.repeat(x, 2, axis=1), 2, axis=-1)[:, ::2, :, ::2],
    "backwards": lambda x: np.flip(np.ascontiguousarray(np.flip(x))),
    "transposed": lambda x: np.ascontiguousarray(x.transpose(3, 1, 0, 2)).transpose(2, 1, 3, 0),
    "unaligned": lambda x: np.frombuffer(b"x" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("dtype", ["u1", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("op", ["max", "min", "avg", "sum"])
def test_the_same_bytes_from_any_memory(op, dtype, form):
    x = awkward((2, 12, 13, 3), dtype)
    if x.dtype.kind == "f":
        x[np.isnan(x)] = (
            np.nan
        )  # which of two NaNs an addition keeps is for the memory order to say
    for geometry in (Sliding(3, 2, 1), Sliding(5, 1), Global()):
        request = Request(op=op, geometry=geometry)
        expected = request.plan(x.shape, x.dtype).run(x).tobytes()
        other = form(x)
        before = other.tobytes()
        other.flags.writeable = False
        plan = request.plan(other.shape, other.dtype)
        for block_bytes in (None, 1, 500):
            assert plan.run(other, block_bytes=block_bytes).tobytes() == expected
        assert other.tobytes() == before


@pytest.mark.parametrize("op", ["max", "avg"])
def test_the_same_bytes_into_any_output(op):
    x = awkward((2, 12, 13, 3), "f4")
    plan = Request(op=op, geometry=Sliding(3, 2)).plan(x.shape, x.dtype)
    expected = plan.run(x)
    wide = np.zeros([2 * n for n in expected.shape], expected.dtype)
    every_second, backwards = np.s_[::2, ::2, ::2, ::2], np.s_[::-2, ::-2, ::-2, ::-2]
    fortran = np.empty_like(expected, order="F")
    for out in (np.empty_like(expected), fortran, wide[every_second], wide[backwards]):
        assert plan.run(x, out=out) is out
        assert np.ascontiguousarray(out).tobytes() == expected.tobytes()
