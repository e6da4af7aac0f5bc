"""Random pooling cases, and the one comparison of the program with the specification."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from poolcli.errors import PoolError
from poolcli.geometry import Adaptive, Fractional, Global, Sliding
from poolcli.request import Request
from tests.spec.pooling import naive_pool
from tests.spec.windows import Refused, adaptive, fractional, sliding, whole

FLOATS = ("f2", "f4", "f8")
INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
DTYPES = ("?", *INTEGERS, *FLOATS)


# name: what the specification and what the program call it
GEOMETRIES = {
    "sliding": (sliding, Sliding),
    "whole": (whole, Global),
    "adaptive": (adaptive, Adaptive),
    "fractional": (fractional, Fractional),
}
# Of the options, those that decide which cells an average is over.
COUNTED = ("layout", "nan", "divisor", "count_include_pad", "keepdims", "min_valid")


@dataclass(frozen=True)
class Case:
    """One pooling: `windows` are the arguments of the geometry, `params` those of the op."""

    x: np.ndarray
    op: str
    windows: dict[str, Any] | None
    options: dict[str, Any] = field(default_factory=dict)
    kind: str = "sliding"
    params: dict[str, Any] = field(default_factory=dict)

    def expected(self) -> np.ndarray:
        geometry = GEOMETRIES[self.kind][0](**self.windows)
        return naive_pool(self.x, self.op, geometry, **self.options, **self.params)

    def run(self, threads: int | None = None, block_bytes: int | None = None) -> np.ndarray:
        geometry = GEOMETRIES[self.kind][1](**self.windows)
        request = Request(self.op, geometry, threads=threads, params=self.params, **self.options)
        plan = request.plan(self.x.shape, self.x.dtype)
        return plan.run(self.x, block_bytes=block_bytes)

    def tolerance(self, dtype: np.dtype) -> Any:
        """S7: ulps of the mean (sum) of the absolute values; 0 for ops that pick a value."""
        if self.op not in ("avg", "sum") or dtype.kind != "f":
            return 0
        magnitudes = np.abs(self.x.astype(np.float64))
        options = {key: value for key, value in self.options.items() if key in COUNTED}
        if "nodata" in self.options:
            magnitudes[self.x == self.options["nodata"]] = np.nan
            options["nan"] = "skip"
        bound = replace(self, x=magnitudes, options=options).expected()
        with np.errstate(all="ignore"):
            return 2.5 * np.abs(np.spacing(bound.astype(dtype))).astype(np.float64)


def check(case: Case) -> bool:
    """The program gives the specified array, or refuses what is refused (then False)."""
    try:
        expected = case.expected()
    except Refused:
        with pytest.raises(PoolError) as refusal:
            case.run()
        assert "\n" not in str(refusal.value)
        assert len(str(refusal.value)) > 10
        return False
    got = case.run()
    assert got.dtype == expected.dtype.newbyteorder("=")
    assert got.shape == expected.shape
    assert_close(got, expected, case.tolerance(got.dtype))
    return True


def assert_close(got: np.ndarray, expected: np.ndarray, tolerance: Any) -> None:
    same = (got == expected) | ((got != got) & (expected != expected))
    if np.any(tolerance):
        with np.errstate(all="ignore"):
            apart = np.abs(got.astype(np.float64) - expected.astype(np.float64))
            # A sum whose magnitudes overflow has no promise.
            same |= (apart <= tolerance) | ~np.isfinite(tolerance)
    assert same.all(), f"{got[~same][:5]} instead of {expected[~same][:5]}"


def random_case(seed: int, op: str | None = None) -> Case:
    """A case of any of the four ops that are exact or near it, or of the op given."""
    rng = np.random.default_rng([20250922, seed])
    axes = int(rng.choice([1, 2, 3], p=[0.25, 0.5, 0.25]))
    layout = random_layout(rng, axes)
    shortest, longest = {1: (1, 24), 2: (2, 9), 3: (2, 5)}[axes]
    lengths = {"N": int(rng.integers(1, 3)), "C": int(rng.integers(1, 4))}
    cells = {letter: int(rng.integers(shortest, longest + 1)) for letter in "DHW"}
    shape = tuple((lengths | cells)[letter] for letter in layout)
    dtype = np.dtype(str(rng.choice([">", "<"])) + str(rng.choice(DTYPES)))
    x = in_memory(rng, random_values(rng, shape, dtype))
    op = op or str(rng.choice(["max", "min", "avg", "sum"]))
    options = {
        "layout": layout,
        "nan": str(rng.choice(["propagate", "skip", "error"], p=[0.45, 0.45, 0.1])),
    }
    if layout in ("W", "HW", "HWC", "NHWC", "NDHWC") and rng.random() < 0.5:
        del options["layout"]
    if rng.random() < 0.15:
        options["nodata"] = x.flat[rng.integers(x.size)].item()
    if rng.random() < 0.1:
        options["min_valid"] = float(rng.choice([0, 0.25, 0.5, 1]))
    if op in ("avg", "mixed"):
        options["count_include_pad"] = bool(rng.random() < 0.4)
        if rng.random() < 0.15:
            options["divisor"] = float(rng.choice([1, 3, 0.5, 7]))
    kind = str(rng.choice(list(GEOMETRIES), p=[0.76, 0.08, 0.08, 0.08]))
    if kind == "whole":
        options["keepdims"] = bool(rng.random() < 0.5)
    return Case(x, op, random_windows(rng, kind, axes), options, kind)


def random_layout(rng: np.random.Generator, axes: int) -> str:
    """W, HW or DHW, with N and C anywhere or nowhere."""
    letters = list("DHW"[3 - axes :])
    for letter in rng.permutation(["N", "C"]):
        if rng.random() < 0.6:
            letters.insert(int(rng.integers(len(letters) + 1)), str(letter))
    return "".join(letters)


def random_windows(rng: np.random.Generator, kind: str, axes: int) -> dict[str, Any]:
    """Arguments of a geometry; those of sliding windows in every form they may be written in."""

    def numbers(low: int, high: int, odds: list[float]) -> Any:
        drawn = rng.choice(np.arange(low, high), size=axes, p=odds).tolist()
        return drawn[0] if rng.random() < 0.5 else tuple(drawn)

    if kind == "whole":
        return {}
    if kind == "adaptive":
        return {"output_size": numbers(1, 6, [0.2] * 5)}
    if kind == "fractional":
        few = {"size": numbers(1, 3, [0.5, 0.5]), "output_size": numbers(1, 4, [0.3, 0.4, 0.3])}
        return {**few, "samples": tuple(rng.random(axes).tolist())}
    windows: dict[str, Any] = {"size": numbers(1, 6, [0.12, 0.5, 0.26, 0.08, 0.04])}
    if rng.random() < 0.7:
        windows["stride"] = numbers(1, 6, [0.35, 0.35, 0.15, 0.1, 0.05])
    if rng.random() < 0.25:
        windows["dilation"] = numbers(1, 4, [0.4, 0.4, 0.2])
    kind = rng.choice(["none", "number", "pairs", "word"], p=[0.35, 0.25, 0.25, 0.15])
    if kind == "number":
        windows["padding"] = numbers(0, 4, [0.3, 0.6, 0.07, 0.03])
    elif kind == "pairs":
        pairs = rng.choice(4, size=(axes, 2), p=[0.5, 0.44, 0.04, 0.02]).tolist()
        windows["padding"] = tuple(map(tuple, pairs))
    elif kind == "word":
        windows["padding"] = str(rng.choice(["same", "same-upper", "same-lower", "valid"]))
    windows["ceil_mode"] = bool(rng.random() < 0.4)
    return windows


def random_values(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Small numbers with many ties, any numbers, or the ends of the type; NaN, infinities, -0.0."""
    style = rng.choice(["small", "any", "ends"], p=[0.45, 0.35, 0.2])
    if dtype.kind == "b":
        return (rng.random(shape) < rng.random()).astype(dtype)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        if style == "small":
            return rng.integers(max(limits.min, -4), 5, shape).astype(dtype)
        values = rng.integers(limits.min, limits.max, shape, dtype.newbyteorder("="), endpoint=True)
        if style == "ends":
            ends = np.array([limits.min, limits.max, 0, 1], values.dtype)
            values = rng.choice(ends, size=shape)
        return values.astype(dtype)
    limits = np.finfo(dtype)
    if style == "small":
        values = rng.integers(-8, 9, shape) / 4
    elif style == "any":
        values = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 4, shape)
    else:
        ends = [limits.max, limits.min, limits.tiny, limits.smallest_subnormal, 1.0]
        values = rng.choice(np.array(ends, np.float64), size=shape)
    special = rng.choice([0, 0, 0.05, 0.3, 0.9])
    places = rng.random(shape) < special
    kinds = [[np.nan], [np.inf, -np.inf], [-0.0, 0.0], [np.nan, np.inf, -np.inf, -0.0]]
    chosen = kinds[int(rng.integers(len(kinds)))]
    values[places] = rng.choice(chosen, size=int(places.sum()))
    return values.astype(dtype)


def in_memory(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """The same array as C order, Fortran order, a slice, backwards, transposed or read-only."""
    form = rng.choice(["c", "f", "steps", "backwards", "transposed", "read-only", "repeated"])
    if form == "f":
        return np.asfortranarray(x)
    if form == "steps":
        wide = np.zeros([2 * n + 1 for n in x.shape], x.dtype)
        wide[tuple(slice(1, None, 2) for _ in x.shape)] = x
        return wide[tuple(slice(1, None, 2) for _ in x.shape)]
    if form == "backwards":
        back = tuple(slice(None, None, -1) for _ in x.shape)
        return np.ascontiguousarray(x[back])[back]
    if form == "transposed":
        order = rng.permutation(x.ndim)
        return np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    if form == "read-only":
        x.flags.writeable = False
    if form == "repeated":
        return np.broadcast_to(x[:1], x.shape)
    return x
