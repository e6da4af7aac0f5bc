"""Every impossible call is refused before C++ sees it; what kernels find is reported."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import poolcli
from poolcli.engine import library, native
from poolcli.geometry import Adaptive, Sliding
from poolcli.windows import Windows

F4 = np.dtype("f4")
LIBRARY = next(Path(poolcli.__file__).parent.glob("_native.*"))
READ_ONLY = np.zeros((2, 3, 4), "f4")
READ_ONLY.flags.writeable = False


def work(**options: object) -> native.Work:
    windows = Sliding(2, 2).resolve(["height", "width"], (6, 8))
    return native.Work(
        **({"op": "max", "in_dtype": F4, "out_dtype": F4, "windows": windows, "lead": 1} | options)
    )  # type: ignore[arg-type]


X, OUT = np.zeros((2, 6, 8), "f4"), np.zeros((2, 3, 4), "f4")
BLOCK = {"cells": X, "out": OUT}
REFUSED = [
    {"cells": X[0]},
    {"out": OUT[0]},
    {"cells": X.astype("f8")},
    {"cells": X.astype(">f4")},
    {"out": OUT.astype("f8")},
    {"out": READ_ONLY},
    {"cells": X[:1]},
    {"cells": X[:, :5]},
    {"cells": X[:, :, 1:]},
    {"cells": np.zeros((2, 7, 8), "f4")},
    {"out": OUT[:, :2]},
    {"out": OUT[:, :, :0]},
    {"cells": X[:0], "out": OUT[:0]},
    {"windows": [(0, 3)]},
    {"windows": [(0, 4), (0, 4)]},
    {"windows": [(-1, 2), (0, 4)]},
    {"windows": [(2, 2), (0, 4)]},
    {"held": (1, 0)},
    {"held": (-1, 0)},
    {"held": (0,)},
    {"lead": (0, 0)},
    {"windows": [(1, 3), (0, 4)], "out": OUT[:, :2], "cells": X[:, 3:], "held": (3, 0)},
    {"continues": True},
    {"unfinished": True, "state": np.zeros(3, np.uint8)},
    {"unfinished": True, "state": np.zeros(10**6, np.uint8)},
]


def along(**changes: object) -> tuple[Windows, ...]:
    """Windows as no geometry makes them."""
    good = {"axis": "width", "n": 8, "starts": range(0, 8, 2), "sizes": 2}
    return (Windows(**(good | changes)),)  # type: ignore[arg-type]


IMPOSSIBLE_WINDOWS = [
    {"starts": range(0)},
    {"starts": range(7, -1, -1), "sizes": 1},
    {"starts": range(20, 21)},
    {"starts": range(-20, -19)},
    {"starts": range(-(2**70), -(2**70) + 1)},
    {"sizes": 0},
    {"sizes": -3},
    {"sizes": 2**70},
    {"sizes": 2**61, "dilation": 2**61},
    {"dilation": 0},
    {"dilation": -1},
    {"n": 0},
    {"n": -8},
    {"n": 2**70},
    {"pad_before": -9},
    {"pad_after": 2**70},
    {"starts": range(-4, 8, 3), "sizes": 2, "dilation": 9},
    {"starts": (0, 2**65), "sizes": (1, 1)},
    {"starts": (0, 1), "sizes": (0, 1)},
    {"starts": (0, 1), "sizes": (-5, 1)},
    {"starts": (0, 1, 2), "sizes": (1, 1)},
    {"starts": (-3, 8), "sizes": (1, 1)},
    {"starts": (3, 1), "sizes": (1, 1)},
]


@pytest.mark.parametrize("wrong", IMPOSSIBLE_WINDOWS, ids=str)
def test_refused_windows(wrong: dict) -> None:
    with pytest.raises(ValueError, match="meant"):
        work(windows=along(**wrong), lead=0)
    work(windows=along(), lead=0).block(X[0, 0], np.zeros(4, "f4"))


IMPOSSIBLE_PARAMETERS = [
    ("max", (1.0,), ()),
    ("avg", (), (1,)),
    ("mixed", (0.5,), (1, 0)),
    ("mixed", (1.5,), (1, 2)),
    ("quantile", (), ()),
    ("quantile", (), (1, 0, 0)),  # divides by 0
    ("quantile", (), (3, 2, 0)),  # a cell past the window's last
    ("quantile", (), (-1, 2, 0)),
    ("quantile", (), (1, 2, 5)),
    ("quantile", (), (2**70, 2**71, 0)),
    ("argquantile", (), (3, 2, 1)),
    ("lp", (-3.0,), (0,)),  # takes for ever
    ("lp", (2.0,), (7,)),
    ("gem", (np.nan, 1.0), ()),
    ("gem", (3.0, 0.0), ()),
    ("lse", (0.0,), ()),
    ("var", (), (-1,)),
    ("std", (), (2**70,)),
    ("sample", (), (1, 3)),
    ("expected", (), (2**63, 1)),
    ("expected", (1.0,) * 5, (1, 1)),
]


@pytest.mark.parametrize(("op", "p", "q"), IMPOSSIBLE_PARAMETERS)
def test_refused_parameters(op: str, p: tuple, q: tuple) -> None:
    with pytest.raises(ValueError, match="parameters"):
        work(op=op, params=(p, q))


def test_a_state_that_cannot_be_written_is_refused() -> None:
    windows = Sliding(6).resolve(["height", "width"], (6, 6))
    pooling = work(windows=windows, lead=0)
    cells, out = np.zeros((3, 6), "f4"), np.zeros((1, 1), "f4")
    state = np.zeros(10**6, np.uint8)
    pooling.block(cells, out, held=(0, 0), state=state, unfinished=True)
    state.flags.writeable = False
    with pytest.raises(ValueError, match="written"):
        pooling.block(cells, out, held=(0, 0), state=state, unfinished=True)


@pytest.mark.parametrize("wrong", REFUSED, ids=range(len(REFUSED)))
def test_refused_blocks(wrong: dict) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        work().block(**(BLOCK | wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": ()},
        {"windows": Sliding(2).resolve("ABCD", (4, 4, 4, 4))},
        {"lead": 3},
        {"lead": -1},
        {"op": "none"},
        {"in_dtype": np.dtype("c8")},
        {"out_dtype": np.dtype("S3")},
        {"fit": "somehow"},
        {"cell_coefs": (1, 2)},
    ],
    ids=str,
)
def test_refused_work(wrong: dict) -> None:
    with pytest.raises((ValueError, KeyError)):
        work(**wrong)


def test_a_block_that_is_right() -> None:
    work().block(**BLOCK)
    work().block(X[:, 2:], OUT[:, 1:], [(1, 3), (0, 4)], (2, 0))


@pytest.mark.parametrize(
    ("op", "cells", "out", "fit", "why", "value"),
    [
        ("sum", np.full(4, 2**62), "i8", "exact", library.OVERFLOW, 2**64),
        ("sum", np.full(4, 2**64 - 1, "u8"), "u8", "exact", library.OVERFLOW, 2**66 - 4),
        ("range", np.array([-(2**63), 2**63 - 1]), "i8", "exact", library.OVERFLOW, 2**64 - 1),
        ("sum", np.full(4, 100, "u1"), "u1", "round", library.OUTSIDE, 400),
        ("sum", np.full(4, -(2**40)), "i4", "exact", library.OUTSIDE, -(2**42)),
        ("avg", np.array([1, 2], "i2"), "i2", "exact", library.INEXACT, 1.5),
        ("max", np.array([0.5, 0.25], "f4"), "u1", "exact", library.INEXACT, 0.5),
        ("max", np.array([np.nan, 1]), "u1", "clip", library.NAN, np.nan),
        ("max", np.array([300.0, 1]), "u1", "round", library.OUTSIDE, 300.0),
        ("sum", np.array([1e300, 1]), "f4", "exact", library.OVERFLOW, 1e300),
        ("sum", np.array([2**53, 1]), "f8", "exact", library.INEXACT, 2**53 + 1),
    ],
)
def test_what_is_found(op, cells, out, fit, why, value) -> None:
    windows = Sliding(len(cells)).resolve(["width"], cells.shape)
    pooling = native.Work(op, cells.dtype, np.dtype(out), windows, 0, fit=fit)
    with pytest.raises(native.Problem) as problem:
        pooling.block(cells, np.zeros(1, out))
    assert problem.value.why == why
    np.testing.assert_equal(problem.value.value, value)


def test_infinite_sums_of_the_cells_own_type_are_no_problem() -> None:
    cells = np.full(4, 3e38, "f4")
    windows = Sliding(4).resolve(["width"], cells.shape)
    out = np.zeros(1, "f4")
    native.Work("sum", F4, F4, windows, 0).block(cells, out)
    assert out[0] == np.inf
    native.Work("avg", F4, F4, windows, 0).block(cells, out)
    assert out[0] == np.float32(3e38)


@pytest.mark.parametrize("seed", range(40))
def test_the_first_nan_that_a_window_holds(seed: int) -> None:
    random = np.random.default_rng(seed)
    dtype = np.dtype(str(random.choice(["f2", "f4", ">f4", "f8"])))
    x = random.random((2, 13, 11, 3)).astype(dtype)
    x.flat[random.integers(0, x.size, random.integers(1, 30))] = np.nan
    geometry = [Sliding(2, 4), Sliding(3, 5, 1, 2), Adaptive(3)][seed % 3]
    windows = geometry.resolve(["height", "width"], x.shape[1:3])
    covered = [np.zeros(n, bool) for n in x.shape[1:3]]
    for along, w in zip(covered, windows, strict=True):
        for i in range(w.out):
            along[w.cells(i)] = True
    seen = np.isnan(x) & covered[0][None, :, None, None] & covered[1][None, None, :, None]
    pooling = native.Work("find nan", dtype, F4, windows, 1, inner=True)
    out = np.zeros((2, windows[0].out, windows[1].out, 3), "f4")
    place = pooling.first_nan(x, out)
    expected = tuple(map(int, np.argwhere(seen)[0])) if seen.any() else None
    assert place == expected


# Instructions that an instruction set's name does not promise, as objdump writes them.
BEYOND = {
    # Three operands (AVX), and what came between SSE2 and AVX.
    "0": r"\tv[a-z]|\t(pblendv|blendv|pinsr[bdq]|pextr[bdq]|pmulld|p(min|max)(sb|uw|sd|ud)"
    r"|pmov[sz]x|round[ps][sd]|pshufb|pabs|palignr|popcnt|lzcnt|pcmp(eqq|gtq))",
    # Vectors of 64 bytes, registers from 16 on and masks (AVX-512), and what rounds once (FMA).
    "1": r"%zmm|%[xy]mm(1[6-9]|2\d|3[01])|%k[1-7]|\tvfn?m(add|sub)",
    "2": r"\tvfn?m(add|sub)",
}


@pytest.mark.skipif(not shutil.which("objdump"), reason="needs objdump, of binutils")
def test_each_instruction_set_is_no_wider_than_its_name() -> None:
    objects = Path(poolcli.__file__).parents[1] / "build" / "kernels"
    if not list(objects.glob("*-1-*.o")):
        pytest.skip("the library was built elsewhere, or for one instruction set")
    wide = {"1": "%ymm", "2": "%zmm"}
    for path in objects.glob("*.o"):
        text = subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", path],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        name, isa, _ = path.name.split("-")
        beyond = re.search(BEYOND[isa], text)
        assert not beyond, f"{path.name}: {beyond[0]}"
        if name in ("sums", "extremes"):  # so that it could have been seen
            assert isa == "0" or wide[isa] in text, path.name
            assert isa != "2" or re.search(BEYOND["1"], text), path.name
            assert isa != "1" or re.search(BEYOND["0"], text), path.name


def test_every_float16_and_what_rounds_to_it() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    windows = Sliding(1).resolve(["width"], every.shape)
    out = np.zeros(len(every), "f2")
    native.Work("max", every.dtype, out.dtype, windows, 0).block(every, out)
    np.testing.assert_array_equal(out, every)
    assert (np.signbit(out) == np.signbit(every))[~np.isnan(every)].all()
    wide = np.zeros(len(every), "f4")
    native.Work("max", every.dtype, wide.dtype, windows, 0).block(every, wide)
    np.testing.assert_array_equal(wide, every.astype("f4"))
    # Means of neighbours lie half-way between float16s, and next to that.
    for shift in (0, 1e-6, -1e-6):
        with np.errstate(all="ignore"):
            pairs = np.stack([every[:-1], every[1:]]).astype("f4") * np.float32(1 + shift)
            halves = (pairs.sum(axis=0) / 2).astype("f2")
        windows = Sliding((2, 1), (2, 1)).resolve(["height", "width"], pairs.shape)
        got = np.zeros((1, len(every) - 1), "f2")
        work = native.Work("avg", pairs.dtype, got.dtype, windows, 0)
        with np.errstate(all="ignore"):
            finite = np.isfinite(halves) & np.isfinite(pairs).all(axis=0)
        pairs[:, ~finite] = 0
        work.block(pairs, got)
        np.testing.assert_array_equal(got[0][finite], halves[finite])


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (4, 4), (2, 3), (16, 16), (1, 5)])
@pytest.mark.parametrize("channels", [1, 3, 4, 16])
def test_means_of_bytes_round_half_to_even(size: tuple[int, int], channels: int) -> None:
    random = np.random.default_rng(5)
    x = random.integers(0, 256, (60, 75, channels), np.uint8)
    x[:20] = random.integers(0, 3, (20, 75, channels))
    x[40:] = 255
    for padding in (0, ((0, min(1, size[0] - 1)), (0, 1))):
        windows = Sliding(size, size, padding).resolve(["height", "width"], x.shape[:2])
        out = np.zeros((windows[0].out, windows[1].out, channels), "u1")
        native.Work("avg", x.dtype, out.dtype, windows, 0, inner=True, fit="round").block(x, out)
        exact = np.zeros(out.shape)
        native.Work("avg", x.dtype, np.dtype("f8"), windows, 0, inner=True).block(x, exact)
        np.testing.assert_array_equal(out, np.rint(exact))
