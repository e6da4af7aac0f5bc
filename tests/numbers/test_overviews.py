"""Overviews: every level is what pooling the array itself gives, whatever way it is made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import poolcli
from poolcli.engine import levels as engine
from poolcli.engine.chunks import ChunkedInput
from poolcli.errors import InputError, PoolError, UsageError
from poolcli.layout import find_layout
from poolcli.multiscale import Overviews
from poolcli.ops import OPS
from tests.helpers.every import every

Array = np.ndarray[Any, Any]
ARRAYS = (
    (None, (37, 53), 2, 3),
    (None, (1, 17), 3, 2),
    ("NHWC", (3, 11, 14, 3), (2, 1), 3),
    ("CDHW", (2, 9, 10, 13), (1, 2, 2), 2),
    ("NCHW", (2, 3, 9, 16), 2, None),
)
WIDE = {"lp": "f8", "sum": "f8", "var": "f8", "range": "f8"}  # where results outgrow small integers


def cells(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Array:
    """Cells with ties, and of floats with zeros of both signs."""
    random = np.random.default_rng(seed)
    x = random.integers(0, 9, shape).astype(dtype)
    if x.dtype.kind == "f":
        x[random.random(shape) < 0.1] = -0.0
    return x


def direct(x: Array, op: str, factors: Any, count: int, **options: Any) -> list[Array]:
    """Levels that are pooled one by one from the array."""
    axes = find_layout(options.get("layout"), x.shape)
    each = factors if isinstance(factors, tuple) else (factors,) * len(axes.spatial)
    found = []
    for level in range(1, count + 1):
        size = tuple(min(f**level, x.shape[a]) for f, a in zip(each, axes.spatial, strict=True))
        found.append(poolcli.pool(x, op, size, ceil_mode=True, fit="round", **options))
    return found


class Case(NamedTuple):
    """One row: an array, an op and how blocks are cut."""

    op: str
    dtype: str
    layout: str | None
    shape: tuple[int, ...]
    factors: Any
    levels: int | None
    block_bytes: int
    threads: int


def cases() -> Iterator[Case]:
    """Every op on every array, in turns of dtypes, blocks and threads."""
    turns = itertools.cycle(itertools.product(("u1", "f4", ">i2", "f8"), (64, 1 << 12), (1, 2)))
    for op, array in itertools.product(OPS, ARRAYS):
        dtype, block_bytes, threads = next(turns)
        yield Case(op, dtype, *array, block_bytes, threads)


def test_every_level_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(case: Case) -> None:
        monkeypatch.setattr(engine, "BLOCK_BYTES", case.block_bytes)
        x = cells(case.shape, case.dtype)
        dtype = WIDE.get(case.op, x.dtype.newbyteorder("="))
        options = {"layout": case.layout, "dtype": dtype}
        found = poolcli.overviews(
            x, case.op, case.factors, case.levels, threads=case.threads, **options
        )
        expected = direct(x, case.op, case.factors, len(found), **options)
        assert len(found) == (case.levels or 1)
        for a, b in zip(found, expected, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype)
            assert a.tobytes() == b.tobytes()

    every(cases(), check)


POLICIES: tuple[dict[str, Any], ...] = (
    {},
    {"nan": "skip"},
    {"nodata": 3},
    {"nodata": 3, "min_valid": 0.5},
    {"nan": "skip", "min_valid": 0.3},
)


@pytest.mark.parametrize("op", OPS)
def test_what_is_said_of_parts_holds(op: str) -> None:
    """Of the dtypes that a row names, results of results are those of all, to the bit."""
    for kind, dtype in zip("biuf", ("?", "i4", "u2", "f4"), strict=True):
        x = cells((21, 30), dtype)
        if kind == "f":
            x[::5, ::3] = np.nan
        for policy in POLICIES if kind != "b" else POLICIES[:1]:
            asked = Overviews.of(op, 2, 3, **policy)
            asked = asked.with_results(
                {"b": None, "i": "i8", "u": "u8", "f": "f4"}[kind] if op == "sum" else None, "round"
            )
            plan = asked.plan(x.shape, x.dtype)
            chains = kind in OPS[op].composes and not policy.get("min_valid")
            missing = "nodata" in policy or ("nan" in policy and kind == "f")
            chains = chains and (not missing or op in ("max", "min"))
            assert plan.chains == chains, (kind, policy)
            if not chains:
                continue
            found = plan.run_levels(x)
            dtype_ = asked.dtype or x.dtype
            for a, b in zip(found, direct(x, op, 2, 3, dtype=dtype_, **policy), strict=True):
                assert a.tobytes() == b.tobytes(), (kind, policy)


def test_missing_cells_are_left_out_at_every_level() -> None:
    for op, policy in itertools.product(("mode", "avg", "median", "std"), POLICIES[1:]):
        x = cells((19, 22), "f8", seed=4)
        x[:9, :9] = policy.get("nodata", np.nan)
        for a, b in zip(
            poolcli.overviews(x, op, 2, 3, **policy), direct(x, op, 2, 3, **policy), strict=True
        ):
            np.testing.assert_array_equal(a, b)


def most_frequent(x: Array, size: int) -> Array:
    """The mode in plain loops, of windows that end with the array."""
    rows, columns = (range(0, n, size) for n in x.shape)
    windows = [[x[i : i + size, j : j + size] for j in columns] for i in rows]
    return np.array([[np.bincount(w.ravel()).argmax() for w in row] for row in windows])


def test_modes_of_modes_are_others() -> None:
    """What this is for: levels from the array, where others make them of each other."""
    x = cells((64, 64), "u1", seed=2)
    chained, wrong = x, []
    for level, found in enumerate(poolcli.overviews(x, "mode", 2, 3), start=1):
        np.testing.assert_array_equal(found, most_frequent(x, 2**level))
        chained = poolcli.pool(chained, "mode", 2)
        wrong.append(float((chained != found).mean()))
    assert wrong[0] == 0
    assert min(wrong[1:]) > 0.2


def test_stored_chunks_are_decoded_about_once() -> None:
    x = cells((64, 96), "u1")
    decoded: list[tuple[int, ...]] = []

    def decode(place: tuple[int, ...]) -> Array:
        decoded.append(place)
        return x[tuple(slice(i * 16, (i + 1) * 16) for i in place)]

    stored = ChunkedInput(x.shape, x.dtype, (16, 16), decode)
    plan = Overviews.of("median", 2, 3).plan(x.shape, x.dtype)
    for a, b in zip(plan.run_levels(stored), direct(x, "median", 2, 3, dtype="u1"), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(decoded) == 24


def test_frameworks_do_not_move_windows() -> None:
    x = cells((2, 3, 12, 20), "f4")
    for like in ("torch", "keras", "onnx"):
        found = poolcli.overviews(x, "max", 2, 2, like=like)
        layout = "NHWC" if like == "keras" else "NCHW"
        for a, b in zip(found, direct(x, "max", 2, 2, layout=layout), strict=True):
            np.testing.assert_array_equal(a, b)


def test_levels_go_on_until_nothing_is_long() -> None:
    for shape, factors, expected in (
        ((1000, 600), 2, [(500, 300), (250, 150)]),
        ((300, 20), 2, [(150, 10)]),
        ((20, 30), 2, [(10, 15)]),
        ((3, 700), (1, 3), [(3, 234)]),
    ):
        plan = Overviews.of("max", factors).plan(shape, np.dtype("u1"), "HW")
        assert [level.output_shape for level in plan.coarser] == expected


def test_what_cannot_be_is_refused_in_a_line() -> None:
    rows: tuple[tuple[type[PoolError], str, dict[str, Any]], ...] = (
        (UsageError, "smaller than the array", {"factors": 1}),
        (UsageError, "size", {"factors": 0}),
        (UsageError, "at most 40", {"levels": 41}),
        (UsageError, "levels", {"levels": 0}),
        (UsageError, "no op 'nope'", {"op": "nope"}),
        (InputError, "after 3 nothing of 4x5 is left to pool by 2x2", {"levels": 9}),
        (InputError, "size has 3 numbers, the array has 2", {"factors": (1, 2, 2)}),
        (InputError, "256.0 does not fit uint8|does not fit uint8", {"op": "sum", "levels": 2}),
        (UsageError, "did you mean", {"leyout": "HW"}),
    )
    x = np.full((4, 5), 200, np.uint8)

    def check(row: tuple[type[PoolError], str, dict[str, Any]]) -> None:
        kind, message, options = row
        with pytest.raises(kind, match=message):
            poolcli.overviews(x, **{"op": "max", **options})

    every(rows, check)


def test_a_nan_is_found_where_it_is() -> None:
    x = np.zeros((2, 40, 50), "f4")
    x[1, 33, 7] = np.nan
    with pytest.raises(InputError, match="NaN at channels 1, height 33, width 7"):
        poolcli.overviews(x, "max", layout="CHW", nan="error")


def test_integers_are_rounded_half_to_even_or_cut() -> None:
    x = np.array([[0, 1], [1, 0]], "u1") + np.uint8(2)
    assert poolcli.overviews(x, "avg", levels=1)[0].tolist() == [[2]]
    assert poolcli.overviews(x, "sum", levels=1, dtype="u8")[0].tolist() == [[10]]
    high = np.full((2, 2), 200, "u1")
    assert poolcli.overviews(high, "sum", levels=1, fit="clip")[0].tolist() == [[255]]
