"""Whether an answer agrees with a framework's, and if not, which named difference it is."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from poolcli import adaptive_pool, fractional_pool, global_pool, pool
from poolcli.errors import PoolError
from tests.elsewhere.differences import DIFFERENCES, Difference
from tests.elsewhere.golden import Golden, refused_or_given, specified

COMMANDS = {
    "sliding": pool,
    "adaptive": adaptive_pool,
    "fractional": fractional_pool,
    "whole": global_pool,
}
PRESET_LAYOUTS = {1: "W", 2: "HW", 3: "CHW", 4: "NCHW", 5: "NCDHW"}
compared: Counter[str] = Counter()
seen: Counter[str] = Counter()


def answer(g: Golden, **more: Any) -> Any:
    """What poolcli gives with --like; None where it refuses."""
    given = {**g.geometry, **g.options} if g.asked is None else dict(g.asked)
    if g.layout != PRESET_LAYOUTS[len(g.layout)]:
        given["layout"] = g.layout
    if g.kind == "whole":
        given["keepdims"] = True
    given["like"] = "torch" if g.framework == "torch" else "onnx"
    return refused_or_given(lambda: COMMANDS[g.kind](g.x, g.op, **given, **more), PoolError)


class Outcome(NamedTuple):
    """Whether both gave the same bytes, and the named differences that account for others."""

    same: bool
    reasons: tuple[str, ...] = ()


def check(g: Golden) -> Outcome:
    """The same values and indices, or a named difference and the answer of the specification."""
    compared[g.framework] += 1
    indexed = g.indices is not None and g.kind == "sliding"
    got = answer(g, return_indices=True) if indexed else answer(g)
    got, indices = got if indexed and got is not None else (got, None)
    reasons: list[Difference] = []
    if not agree(g, got, g.expected):
        assert_specified(g, got, specified(g))
        reasons = explain(g, got, "values")
        if any(d.cells is None for d in reasons):
            indexed = False  # other windows altogether
    if indexed and got is not None and not np.array_equal(indices, g.indices):
        reasons = [*reasons, *explain(g, indices, "indices")]
    names = tuple(dict.fromkeys(d.name for d in reasons))
    seen.update(names)
    return Outcome(identical(got, g.expected), names)


def identical(ours: Any, theirs: Any) -> bool:
    """Whether both refused, or gave the same numbers: NaN is NaN, and either zero is zero."""
    if ours is None or theirs is None:
        return ours is theirs
    return bool(np.array_equal(ours, theirs, equal_nan=True))


def names() -> set[str]:
    """The names of all differences with the frameworks that were compared with."""
    return {d.name for d in DIFFERENCES if set(d.frameworks) & set(compared)}


def named(name: str) -> Difference:
    """The difference of that name, for a test that finds out by itself that it applies."""
    return next(d for d in DIFFERENCES if d.name == name)


def assert_specified(g: Golden, ours: Any, spec: Any) -> None:
    """Where a framework differs the plain loops of the specification side with us."""
    if spec is None or ours is None:
        assert spec is ours, f"{g.id}: ours {shape_of(ours)}, specified {shape_of(spec)}"
        return
    assert ours.shape == spec.shape
    assert close(g, ours, spec).all(), f"{g.id}: not what the specification says"


def explain(g: Golden, ours: Any, about: str) -> list[Difference]:
    """The difference that accounts for every cell that differs, or several that do together."""
    theirs = g.expected if about == "values" else g.indices
    candidates = [
        d for d in DIFFERENCES
        if g.framework in d.frameworks and d.about == about and d.applies(g)
    ]  # fmt: skip
    if ours is None or theirs is None:
        whole = [d for d in candidates if d.emulate is None and d.cells is None]
        if whole:
            return whole[:1]
    else:
        for d in candidates:
            if explains(g, [d], ours, theirs, about):
                return [d]
        several = [d for d in candidates if d.cells is not None]
        if several and explains(g, several, ours, theirs, about):
            return several
    raise AssertionError(
        f"{g.id}: {about} differ without a name: {g.kind} {g.geometry} {g.options} "
        f"{g.x.dtype}{list(g.x.shape)}: theirs {shape_of(theirs)}, ours {shape_of(ours)}; "
        f"candidates {[d.name for d in candidates]}"
    )


def explains(
    g: Golden, some: list[Difference], ours: np.ndarray, theirs: np.ndarray, about: str
) -> bool:
    """Their answer is what the difference makes of ours, or differs only in the cells it says."""
    emulate = some[0].emulate
    if emulate is not None:
        return bool(close(g, emulate(g, ours), theirs).all())
    if some[0].cells is None:
        return True
    if ours.shape != theirs.shape:
        return False
    excused = same(g, ours, theirs, about)
    for d in some:
        if d.cells is not None:
            excused = excused | d.cells(g)
    return bool(excused.all())


def same(g: Golden, ours: np.ndarray, theirs: np.ndarray, about: str) -> np.ndarray:
    return close(g, ours, theirs) if about == "values" else ours == theirs


def shape_of(x: Any) -> str:
    return "refused" if x is None else f"{x.dtype}{list(x.shape)} {np.ravel(x)[:8]}"


def agree(g: Golden, got: Any, expected: Any) -> bool:
    if got is None or expected is None:
        return got is expected
    if got.shape != expected.shape or got.dtype != expected.dtype:
        return False
    return bool(close(g, got, expected).all())


def close(g: Golden, got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Cell by cell: equal, or for sums as near as rounding in the array's type can bring them."""
    if got.shape != expected.shape:
        return np.zeros(1, bool)
    equal = (got == expected) | ((got != got) & (expected != expected))
    if g.op == "max" or equal.all():
        return equal
    a, b = got.astype(np.float64), expected.astype(np.float64)
    eps = float(np.finfo(g.x.dtype).eps) if g.x.dtype.kind == "f" else 2.0**-52
    with np.errstate(all="ignore"):
        size = largest_window(g)
        if g.op == "avg":
            return equal | (np.abs(a - b) <= (size + 4) * eps * magnitude(g, 1))
        # The sum of powers has that error, its root is taken back to compare it.
        p = g.options.get("norm", 2)
        slack = (4 * size + 16) * eps * magnitude(g, p)
        powers = [np.sign(v) * np.abs(v) ** p for v in (a, b)]
        # A sum that may be 0 or just below it has a root or none.
        no_root = np.isnan(a) ^ np.isnan(b)
        value = np.where(np.isnan(a), powers[1], powers[0])
        tiny = no_root & (np.abs(value) <= slack)
        return equal | (np.abs(powers[0] - powers[1]) <= slack) | tiny


def largest_window(g: Golden) -> int:
    cells = [n for n, letter in zip(g.x.shape, g.layout, strict=True) if letter in "DHW"]
    size = g.geometry.get("size", cells)
    return math.prod([size] * len(cells) if isinstance(size, int) else size)


def magnitude(g: Golden, p: float) -> np.ndarray:
    """What rounding is relative to: the same mean (sum) of |x|^p, in float64."""
    powers = np.abs(g.x.astype(np.float64)) ** p
    given = {**g.geometry, **g.options, "layout": g.layout}
    if g.kind == "whole":
        given["keepdims"] = True
    for name in ("norm", "signed"):
        given.pop(name, None)
    return np.abs(COMMANDS[g.kind](powers, "avg" if g.op == "avg" else "sum", **given))
