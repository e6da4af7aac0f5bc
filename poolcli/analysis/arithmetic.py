"""How each op's result follows from the values of one window, in words: ``(2 + 4 + 1 + 2) / 4``.

A record names one of these functions. It is given what is known of one window and the op's
parameters, and says the left side of the equation; the right side is the engine's result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from poolcli.dtypes import as_typed
from poolcli.engine.arrays import Array

DIGITS = 6
"""Numbers of up to so many significant digits are written as they are, all others rounded."""
ROUNDED_DIGITS = 4
LARGEST_PLAIN, SMALLEST_PLAIN = 1e16, 1e-4
CLEAN_DIGITS, LARGEST_CLEANED = 14, 1e10


class WindowValues(NamedTuple):
    """What the arithmetic of one window is made of."""

    values: Array
    """Of the cells that count, in the order in which they stand."""
    divisor: Any
    """What a mean divides by: the count of cells, or what was asked for instead."""
    weights: Callable[[], Sequence[Fraction | int]]
    """The binomial weight of each value, as a whole number; or how much of its cell counts."""
    drawn: int | None
    """Which of the values the engine has picked, where it picks one."""
    result: Any
    in_parts: bool = False
    """Whether windows cut cells, which then count by the part that lies inside."""


class Equation(NamedTuple):
    """The left side of what gives a window's result.

    ``rounded``: a number in it is. ``complete``: it says the result itself, and needs no right
    side.
    """

    text: str
    rounded: bool = False
    complete: bool = False


class Odds(NamedTuple):
    """Of a draw: how probable each value is, and the mean of all draws."""

    probabilities: Array
    expected: float


class Numbers:
    """Writes numbers for formulas, and remembers whether one of them had to be rounded.

    >>> write = Numbers()
    >>> write(-4.0), write.term(-4), write(0.25), write.rounded
    ('−4', '(−4)', '0.25', False)
    >>> write(1 / 3), write.rounded
    ('0.3333', True)
    """

    def __init__(self) -> None:
        self.rounded = False

    def __call__(self, value: Any) -> str:
        """Write one number."""
        text, rounded = number_text(value)
        self.rounded |= rounded
        return text

    def term(self, value: Any) -> str:
        """Write a number beside an operator: negative ones stand in brackets."""
        text = self(value)
        return f"({text})" if text.startswith("−") else text

    def listed(self, values: Iterable[Any]) -> str:
        """Write numbers with commas between them."""
        return ", ".join(map(self, values))

    def sum(self, values: Iterable[Any]) -> str:
        """Write numbers with plus signs between them."""
        return " + ".join(map(self.term, values))


def number_text(value: Any) -> tuple[str, bool]:
    """A number as people write it, and whether that is a rounded one.

    >>> number_text(np.float32(0.1)), number_text(1234.56789), number_text(-2e-9)
    (('0.1', False), ('1234.6', True), ('−2e−9', False))

    What floats add in their last digits is not told: 0.1 + 0.2 = 0.3.

    >>> number_text(0.1 + 0.2)
    ('0.3', False)
    """
    if not isinstance(value, (float, np.floating)):
        return str(int(value)).replace("-", "−"), False
    if not math.isfinite(value):
        return str(float(value)).replace("-", "−"), False
    if isinstance(value, float) and abs(value) < LARGEST_CLEANED:
        value = float(f"{value:.{CLEAN_DIGITS}g}")
    if value == int(value) and abs(float(value)) < LARGEST_PLAIN:
        return str(int(value)).replace("-", "−"), False
    scalar: Any = value if isinstance(value, np.floating) else np.float64(value)
    scientific = not SMALLEST_PLAIN <= abs(float(value)) < LARGEST_PLAIN
    mantissa, _, exponent = np.format_float_scientific(scalar, trim="-").partition("e")
    if len(mantissa.strip("-").replace(".", "")) <= DIGITS:
        text, rounded = np.format_float_positional(scalar, trim="-"), False
    else:
        decimals = max(1, ROUNDED_DIGITS - 1 - int(exponent))
        text, rounded = f"{value:.{decimals}f}".rstrip("0").rstrip("."), True
    if scientific:
        mantissa = f"{float(mantissa):.{ROUNDED_DIGITS - 1}f}" if rounded else mantissa
        text = (
            f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"
        )
    return text.replace("-", "−"), rounded


def listed(window: WindowValues, name: str, **_: Any) -> Equation:
    """``max(1, 3, 5, 6)``."""
    write = Numbers()
    return Equation(f"{name}({write.listed(window.values)})", write.rounded)


def total(window: WindowValues) -> Equation:
    """``1 + 3 + 5 + 6``, or where cells are cut ``1 + 0.5·3``."""
    write = Numbers()
    return Equation(_terms(window, write), write.rounded)


def mean(window: WindowValues) -> Equation:
    """``(1 + 3 + 5 + 6) / 4``, or where cells are cut ``(1 + 0.5·3) / 1.5``."""
    write = Numbers()
    return Equation(_mean(window, write), write.rounded)


def _mean(window: WindowValues, write: Numbers) -> str:
    terms = _terms(window, write)
    several = f"({terms})" if len(window.values) > 1 else terms
    if window.in_parts:
        return f"{several} / {_part(sum(window.weights()))}"
    return f"{several} / {write.term(window.divisor)}"


def _terms(window: WindowValues, write: Numbers) -> str:
    if not window.in_parts:
        return write.sum(window.values)
    pairs = zip(window.weights(), window.values, strict=True)
    return " + ".join(write.term(v) if w == 1 else f"{_part(w)}·{write.term(v)}" for w, v in pairs)


def _part(share: Fraction | int) -> str:
    """A share of a cell as people write it: ``0.5``, and ``(1/3)`` for what has no short form."""
    text, rounded = number_text(float(share))
    return f"({share})" if rounded else text


def power_sum(window: WindowValues, norm: float, signed: bool) -> Equation:
    """``(1² + 3² + 5² + 6²)^(1/2)``."""
    write = Numbers()
    if math.isinf(norm):
        return Equation(f"max({', '.join(f'|{write(v)}|' for v in window.values)})", write.rounded)
    powers = " + ".join(_power(v, norm, write, signed=signed) for v in window.values)
    return Equation(_root(powers, norm, write), write.rounded)


def root_mean_square(window: WindowValues) -> Equation:
    """``((1² + 3² + 5² + 6²) / 4)^(1/2)``."""
    write = Numbers()
    powers = " + ".join(_power(v, 2, write) for v in window.values)
    return Equation(_root(f"({powers}) / {len(window.values)}", 2, write), write.rounded)


def generalised_mean(window: WindowValues, p: float, eps: float) -> Equation:
    """``((1^3 + 3^3) / 2)^(1/3)``; what is less than eps counts as that."""
    write = Numbers()
    least = [max(v, eps) if v == v else v for v in window.values]
    powers = " + ".join(_power(v, p, write) for v in least)
    return Equation(_root(f"({powers}) / {len(least)}", p, write), write.rounded)


def _power(value: Any, p: float, write: Numbers, *, signed: bool = False) -> str:
    if p == 2:
        return f"{write.term(value)}²"
    base = write.term(value) if signed or not value < 0 else f"|{write(value)}|"
    return base if p == 1 else f"{base}^{write.term(float(p))}"


def _root(inside: str, p: float, write: Numbers) -> str:
    return f"({inside})^(1/{write(float(p))})" if p != 1 else inside


def between_ranks(window: WindowValues, method: str, q: float = 0.5) -> Equation:
    """``sorted 1, 3, 5, 6: (3 + 5) / 2``: the sorted window, and where in it the quantile lies."""
    write = Numbers()
    ordered = np.sort(window.values)
    if _has_nan(window.values):
        return _nan_among(window.values)
    at = as_typed(q) * (len(ordered) - 1)
    below, part = int(at), at - int(at)
    start = f"sorted {write.listed(ordered)}: "
    if part == 0 or method in _PICKED:
        rank = _PICKED.get(method, _PICKED["lower"])(below, part)
        return Equation(f"{start}the {_ordinal(rank + 1)}", write.rounded)
    low, high = ordered[below], ordered[below + 1]
    if method == "midpoint" or part * 2 == 1:
        return Equation(f"{start}({write.sum((low, high))}) / 2", write.rounded)
    share = write(float(part))
    step = f"{share} · ({write.term(high)} − {write.term(low)})"
    return Equation(f"{start}{write.term(low)} + {step}", write.rounded)


def _has_nan(values: Array) -> bool:
    return values.dtype.kind == "f" and bool(np.isnan(values).any())


def _nan_among(values: Array) -> Equation:
    """``1, nan, 2: one is nan``, where there is nothing to sort or to draw."""
    write = Numbers()
    return Equation(f"{write.listed(values)}: one is nan", write.rounded)


# The rank that is taken for one between two; a tie goes to the even one.
_PICKED: dict[str, Callable[[int, Any], int]] = {
    "lower": lambda below, _: below,
    "higher": lambda below, part: below + (part > 0),
    "nearest": lambda below, part: below + (part * 2 > 1 or (part * 2 == 1 and below % 2 == 1)),
}


def _ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``3rd``, ``4th`` …; of 12 values no more are told of one by one."""
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number, 'th') }"


def most_frequent(window: WindowValues) -> Equation:
    """``sorted 1, 2, 2, 4: 2 times``."""
    if _has_nan(window.values):
        return _nan_among(window.values)
    write = Numbers()
    ordered = np.sort(window.values)
    times = int((window.values == window.result).sum())
    why = f"{times} times" if times > 1 else "each once, the smallest"
    return Equation(f"sorted {write.listed(ordered)}: {why}", write.rounded)


def extent(window: WindowValues) -> Equation:
    """``6 − 1``."""
    write = Numbers()
    high, low = window.values.max(), window.values.min()
    return Equation(f"{write.term(high)} − {write.term(low)}", write.rounded)


def variance(window: WindowValues, ddof: int, *, root: bool = False) -> Equation:
    """``((1 − 3.75)² + (3 − 3.75)² + …) / 4``."""
    write = Numbers()
    with np.errstate(all="ignore"):
        middle = write.term(np.mean(window.values, dtype=np.float64))
    squares = " + ".join(f"({write.term(v)} − {middle})²" for v in window.values)
    count = f"({len(window.values)} − {ddof})" if ddof else str(len(window.values))
    text = f"({squares}) / {count}"
    return Equation(f"({text})^(1/2)" if root else text, write.rounded)


def deviation(window: WindowValues, ddof: int) -> Equation:
    """The same to the power of a half."""
    return variance(window, ddof, root=True)


def odds(window: WindowValues, mode: str, seed: int, negatives: str) -> Odds | None:
    """How probable each value is to be drawn; None where a NaN leaves nothing to draw."""
    if _has_nan(window.values):
        return None
    values, weights = _activations(window.values.astype(np.float64), negatives)
    with np.errstate(over="ignore"):
        everything = weights.sum()
    if not np.isfinite(everything):  # of so large weights only the proportions are within range
        weights = weights / weights.max()
        everything = weights.sum()
    first = (np.arange(len(weights)) == 0).astype(np.float64)
    shares = weights / everything if everything > 0 else first
    expected = math.fsum((shares * np.where(shares > 0, values, 0)).tolist())
    return Odds(shares, expected)


def draw(window: WindowValues, mode: str, seed: int, negatives: str) -> Equation:
    """``drew 6 with 6/15``, or the mean of all draws ``(1² + 3² + 5² + 6²) / (1 + 3 + 5 + 6)``."""
    if _has_nan(window.values):
        return _nan_among(window.values)
    write = Numbers()
    values, weights = _activations(window.values, negatives)
    everything = math.fsum(weights.tolist()) if weights.dtype.kind == "f" else weights.sum()
    if mode == "expected" and not everything > 0:
        return Equation("all alike", write.rounded)
    if mode == "expected":
        squares = np.array_equal(weights, values)
        products = [
            f"{write.term(v)}²" if squares else f"{write.term(w)}·{write.term(v)}"
            for w, v in zip(weights, values, strict=True)
        ]
        return Equation(f"({' + '.join(products)}) / ({write.sum(weights)})", write.rounded)
    drawn = write(window.result)
    if not everything > 0:
        text = f"drew {drawn}, as all are alike"
    elif window.drawn is None or not np.isfinite(everything):
        text = f"drew {drawn}"
    else:
        text = f"drew {drawn} with {write(weights[window.drawn])}/{write(everything)}"
    return Equation(text, write.rounded, complete=True)


def _activations(values: Array, negatives: str) -> tuple[Array, Array]:
    """Values to draw, and the weight of each."""
    if values.dtype.kind in "bu":
        values = values.astype(np.uint64)
    elif values.dtype.kind == "i":
        values = values.astype(object)
    if negatives == "relu":
        values = np.maximum(values, 0)
    if values.dtype.kind == "f" and np.isposinf(values).any():
        return values, np.isposinf(values).astype(values.dtype)  # nothing else has a chance
    lowest = values.min()
    if negatives != "shift":
        return values, values
    if values.dtype.kind == "f" and np.isneginf(lowest):
        return values, (values > lowest).astype(values.dtype)  # from there all are equally far
    return values, values - lowest


def soft(window: WindowValues) -> Equation:
    """``(1·e^1 + 3·e^3) / (e^1 + e^3)``."""
    write = Numbers()
    products = " + ".join(f"{write.term(v)}·e^{write.term(v)}" for v in window.values)
    weights = " + ".join(f"e^{write.term(v)}" for v in window.values)
    return Equation(f"({products}) / ({weights})", write.rounded)


def log_mean_exponential(window: WindowValues, r: float) -> Equation:
    """``log((e^1 + e^3 + e^5 + e^6) / 4)``."""
    write = Numbers()
    factor = "" if r == 1 else f"{write.term(r)}·"
    powers = (f"{factor}{write.term(v)}" for v in window.values)
    inside = " + ".join(f"e^({power})" if factor else f"e^{power}" for power in powers)
    after = "" if r == 1 else f" / {write.term(r)}"
    return Equation(f"log(({inside}) / {len(window.values)}){after}", write.rounded)


def mixed(window: WindowValues, alpha: float) -> Equation:
    """``0.5 · 6 + 0.5 · (1 + 3 + 5 + 6) / 4``."""
    write = Numbers()
    shares = write(alpha), write(float(1 - as_typed(alpha)))
    high = write.term(window.values.max())
    return Equation(f"{shares[0]} · {high} + {shares[1]} · {_mean(window, write)}", write.rounded)


def weighted_mean(window: WindowValues) -> Equation:
    """``(1 + 2·3 + 1·5) / 4``: with whole weights, and their sum below the line."""
    write = Numbers()
    weights = window.weights()
    terms = (
        write.term(v) if w == 1 else f"{w}·{write.term(v)}"
        for w, v in zip(weights, window.values, strict=True)
    )
    return Equation(f"({' + '.join(terms)}) / {sum(weights)}", write.rounded)


def counted(window: WindowValues) -> Equation:
    """``1, nan, 5: those that are numbers``."""
    write = Numbers()
    listed = write.listed(window.values)
    text = f"{listed}: those that are numbers" if _has_nan(window.values) else f"count({listed})"
    return Equation(text, write.rounded)


def first(window: WindowValues) -> Equation:
    """``the first of 1, 3, 5, 6``."""
    write = Numbers()
    return Equation(f"the first of {write.listed(window.values)}", write.rounded)
