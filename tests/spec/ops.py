"""Ops and types of the readable specification: a window's valid cells -> one number (S6, S13, S14).

Sums, averages, medians and variances are exact (`Fraction`); the rest uses `math`.
NaN never reaches an op (S5), infinities do. `count` is what an average divides by (S3).
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from tests.spec.windows import Refused

Number = Any  # int, float or Fraction: exact where it can be, inf and nan as floats


def is_infinite(value: Number) -> bool:
    return isinstance(value, float) and math.isinf(value)


def total(cells: Sequence[Number]) -> Number:
    """Exact; with infinities as IEEE adds them (inf - inf is NaN)."""
    if endless := [c for c in cells if is_infinite(c)]:
        return sum(endless)
    ratios = [c.as_integer_ratio() for c in cells]
    common = math.lcm(*(below for _, below in ratios))  # one denominator: integers add fast
    return Fraction(sum(above * (common // below) for above, below in ratios), common)


def mean(cells: Sequence[Number]) -> Number:
    return total(cells) / len(cells)


def op_max(cells: Sequence[Number], **_: Any) -> Number:
    return max(cells)


def op_min(cells: Sequence[Number], **_: Any) -> Number:
    return min(cells)


def op_sum(cells: Sequence[Number], **_: Any) -> Number:
    return total(cells)


def op_avg(cells: Sequence[Number], *, count: Number, **_: Any) -> Number:
    return total(cells) / count


def op_lp(cells: Sequence[Number], *, norm: float = 2, signed: bool = False, **_: Any) -> Number:
    """S13: (sum of |x|^p)^(1/p); signed is torch's (sum x^p)^(1/p), NaN without a real root."""
    if norm == math.inf:
        return max(map(abs, cells))
    if signed:
        root = float(total([c**norm for c in cells])) ** (1 / norm)
        return math.nan if isinstance(root, complex) else root
    top = max(map(abs, cells))
    if top == 0 or math.isinf(top):
        return top
    # Relative to the largest, so that 1e200 squared is no infinity.
    relative = [float(Fraction(abs(c)) / Fraction(top)) for c in cells]
    return float(top) * math.fsum(c**norm for c in relative) ** (1 / norm)


def op_rms(cells: Sequence[Number], **_: Any) -> Number:
    return op_lp(cells, norm=2) / math.sqrt(len(cells))


def op_quantile(
    cells: Sequence[Number], *, q: float = 0.5, method: str = "linear", **_: Any
) -> Number:
    """numpy.quantile: the cell at (n - 1) q of the sorted window, or between its neighbours."""
    ranked = sorted(cells)
    at = (len(ranked) - 1) * Fraction(repr(q)).limit_denominator(10**9)  # 0.1 is 1/10
    low, high = ranked[math.floor(at)], ranked[math.ceil(at)]
    if method == "lower" or at.denominator == 1 or low == high:
        return low
    if method == "higher":
        return high
    if method == "nearest":
        return ranked[round(at)]  # half to even, as numpy
    part = Fraction(1, 2) if method == "midpoint" else at - math.floor(at)
    if math.inf in (high, -low):
        return total([low, high])
    return Fraction(low) * (1 - part) + Fraction(high) * part


def op_median(cells: Sequence[Number], *, method: str = "linear", **_: Any) -> Number:
    return op_quantile(cells, q=0.5, method=method)


def op_mode(cells: Sequence[Number], **_: Any) -> Number:
    """The most frequent value, the smallest of several."""
    counts = Counter(cells)
    return min(value for value in counts if counts[value] == max(counts.values()))


def op_range(cells: Sequence[Number], **_: Any) -> Number:
    return total([max(cells), -min(cells)])


def op_var(cells: Sequence[Number], *, ddof: int = 0, **_: Any) -> Number:
    """The squared distances from the mean, over n; over n - 1 it estimates a population's."""
    centre = mean(cells)
    if isinstance(centre, float) or len(cells) <= ddof:  # infinities; nothing to divide by
        return math.nan
    squares = total([Fraction(c) ** 2 for c in cells])
    return (squares - len(cells) * centre**2) / (len(cells) - ddof)  # exact: nothing cancels


def op_std(cells: Sequence[Number], **options: Any) -> Number:
    return math.sqrt(op_var(cells, **options))


def op_stochastic(cells: Sequence[Number], *, negatives: str = "error", **_: Any) -> Number:
    """S14, --mode expected: sum p x = sum a^2 / sum a; equal cells are themselves."""
    if negatives == "relu":
        cells = [max(c, 0) for c in cells]
    elif negatives == "error" and min(cells) < 0:
        raise Refused("negative activations")
    if is_infinite(top := max(cells)):
        return top  # it has all the probability
    shift = min(cells) if negatives == "shift" else 0
    if is_infinite(shift):  # so far away that all others are equally far
        others = [c for c in cells if c != shift]
        return mean(others) if others else shift
    activations = [c - Fraction(shift) for c in map(Fraction, cells)]
    if not any(activations):
        return cells[0]
    return total([p * Fraction(c) for p, c in zip(probabilities(activations), cells, strict=True)])


def probabilities(cells: Sequence[Number]) -> list[Number]:
    """S14, --mode sample: cell i is drawn with probability a_i / sum a."""
    whole = total(cells)
    return [Fraction(c) / whole for c in cells]


def op_gem(cells: Sequence[Number], *, p: float = 3, eps: float = 1e-6, **_: Any) -> Number:
    """S13: (mean of max(x, eps)^p)^(1/p)."""
    clamped = [max(c, eps) for c in cells]
    return op_lp(clamped, norm=p) * len(cells) ** (-1 / p)


def op_soft(cells: Sequence[Number], **_: Any) -> Number:
    """S13: sum x e^x / sum e^x, shifted by the largest."""
    if math.isinf(top := max(cells)):
        return top
    weights = [math.exp(float(c - top)) for c in cells]
    weighted = [
        float(c) * w for c, w in zip(cells, weights, strict=True) if w > 0
    ]  # 0 of -inf is 0
    return math.fsum(weighted) / math.fsum(weights)


def op_lse(cells: Sequence[Number], *, r: float = 1, **_: Any) -> Number:
    """S13: log(mean(exp(r x))) / r, shifted by the largest."""
    scaled = [r * c for c in cells]
    if math.isinf(top := max(scaled)):
        return top / r
    return (float(top) + math.log(math.fsum(math.exp(c - top) for c in scaled) / len(cells))) / r


def op_mixed(cells: Sequence[Number], *, alpha: float = 0.5, count: Number, **_: Any) -> Number:
    """S13: alpha max + (1 - alpha) avg."""
    largest, average = max(cells), total(cells) / count
    if alpha in (0, 1):  # nothing of the other, where 0 times inf would be NaN
        return largest if alpha == 1 else average
    if isinstance(average, float):
        return alpha * largest + (1 - alpha) * average
    return Fraction(alpha) * Fraction(largest) + (1 - Fraction(alpha)) * average


def op_subsample(cells: Sequence[Number], **_: Any) -> Number:
    """The first cell of the window."""
    return cells[0]


def op_count(cells: Sequence[Number], **_: Any) -> Number:
    """The cells that are there; NaN is no number."""
    return sum(c == c for c in cells)


OPS: dict[str, Callable[..., Number]] = {
    "max": op_max,
    "min": op_min,
    "sum": op_sum,
    "avg": op_avg,
    "lp": op_lp,
    "rms": op_rms,
    "quantile": op_quantile,
    "median": op_median,
    "mode": op_mode,
    "range": op_range,
    "var": op_var,
    "std": op_std,
    "stochastic": op_stochastic,
    "gem": op_gem,
    "soft": op_soft,
    "lse": op_lse,
    "mixed": op_mixed,
    "subsample": op_subsample,
    "count": op_count,
}

EMPTY = {"count": 0}
"""What windows give of which too few cells are there, where that is neither NaN nor nodata."""

PICKS = {"max", "min", "mode", "subsample"}
WIDENS = {"sum", "range"}


def result_dtype(op: str, source: np.dtype, *, method: str = "linear", **_: Any) -> np.dtype:
    """S6: picks keep the type, sums of integers widen to 64 bits, other ops make them float64."""
    if op in PICKS or (op in ("median", "quantile") and method in ("lower", "higher", "nearest")):
        return source
    if op == "count":
        return np.dtype(np.int64)
    if source.kind == "f":
        return source
    if op in WIDENS:
        return np.dtype(np.uint64 if source.kind == "u" else np.int64)
    return np.dtype(np.float64)


def store(value: Number, dtype: np.dtype, natural: np.dtype, fit: str = "exact") -> Any:
    """S6: the value as `dtype` holds it, or refused. Nothing wraps.

    `natural` is the op's own result type. Integers must fit it, and are integers in any other
    type too; only there may a finite sum become an infinity.
    """
    if natural.kind in "iu" and not np.iinfo(natural).min <= value <= np.iinfo(natural).max:
        raise Refused(f"{value} as {natural}")
    if dtype.kind == "f":
        try:
            number = float(value)  # a Fraction is rounded correctly
        except OverflowError:
            number = math.inf if value > 0 else -math.inf
        with np.errstate(over="ignore"):
            stored = dtype.type(number)
        if natural.kind != "f" and value == value and float(stored) != value:
            raise Refused(f"{value} is not exact in {dtype}")
        if dtype != natural and np.isinf(stored) and not is_infinite(value):
            raise Refused(f"{value} overflows {dtype}")
        return stored
    if value != value:
        raise Refused(f"NaN as {dtype}")
    low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    if fit != "exact" and not is_infinite(value):
        value = round(value)  # half to even
    if fit == "clip":
        value = min(max(value, low), high)
    if is_infinite(value) or value != int(value) or not low <= value <= high:
        raise Refused(f"{value} as {dtype}")
    return dtype.type(int(value))
