"""Kernels of ops that have parameters: what these may be, and the numbers that kernels want.

What p and q mean to each kernel is said in ``kernels/README.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from poolcli.engine.kernels import Compiled
from poolcli.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction

METHODS = ("linear", "lower", "higher", "nearest", "midpoint")
PICKING = ("lower", "higher", "nearest")
DRAWS = ("sample", "expected")
NEGATIVES = ("error", "relu", "shift")

# Fractions are handed over as two numbers of so many bits.
_FRACTION_BITS = 60
# More than any window has cells.
_MOST_DDOF = 2**60
# Windows in pieces are ranked by so many bits of their cells at a time.
RANKED_BITS = 16


def mixed(alpha: float) -> Compiled:
    """α·max + (1 − α)·avg."""
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha {alpha}: must be from 0 (avg) to 1 (max)")
    share = _fraction(alpha)
    return Compiled("mixed", "real", (alpha,), (share.numerator, share.denominator))


def quantile(q: float, method: str) -> Compiled:
    """The value at (n − 1)·q of the sorted window; methods that pick a cell keep its dtype."""
    result = "keeps" if method in PICKING else "real"
    return Compiled("quantile", result, q=_quantile(q, method), digits=RANKED_BITS)


def quantile_position(q: float, method: str) -> Compiled:
    """The position of the quantile; of the lower one, where it lies between two values."""
    codes = _quantile(q, method)
    if method not in PICKING:
        codes = (*codes[:2], METHODS.index("lower"))
    return Compiled("argquantile", "place", q=codes, digits=RANKED_BITS, more_passes=1)


def median(method: str) -> Compiled:
    """The quantile in the middle."""
    return quantile(0.5, method)


def median_position(method: str) -> Compiled:
    """The position of the median."""
    return quantile_position(0.5, method)


def _quantile(q: float, method: str) -> tuple[int, int, int]:
    if not 0 <= q <= 1:
        raise UsageError(f"q {q}: must be from 0 to 1")
    if method not in METHODS:
        raise UsageError(f"method {method!r}: use {', '.join(METHODS)}")
    share = _fraction(q)
    return share.numerator, share.denominator, METHODS.index(method)


def _fraction(number: float) -> Fraction:
    """The fraction that was typed, from 0 to 1, which is neither unless ``number`` is."""
    from poolcli.dtypes import as_typed  # late, it loads NumPy

    exact, most = as_typed(number), 1 << _FRACTION_BITS
    near = exact.limit_denominator(most)
    if near == exact or 0 < near < 1:
        return near
    return type(exact)(1 if near == 0 else most - 1, most)


def lp(norm: float, signed: bool) -> Compiled:
    """(Σ|x|^p)^(1/p); ``signed`` leaves the sign of x^p in the sum, as torch does."""
    _positive("norm", norm)
    if math.isinf(norm) and signed:
        # The root of Σx^p has no limit: for two values of opposite sign it is 0 at odd p.
        raise UsageError(
            "norm inf is the largest magnitude, which has no sign to keep; leave signed out, "
            "and with like torch say `signed=False`"
        )
    return Compiled("lp", "real", (norm,), (int(signed),))


def gem(p: float, eps: float) -> Compiled:
    """The generalised mean (mean(max(x, eps)^p))^(1/p)."""
    _positive("p", p)
    _positive("eps", eps)
    if math.isinf(p):
        raise UsageError("p inf: that is max pooling")
    return Compiled("gem", "real", (p, eps))


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise UsageError(f"{name} {value}: must be greater than 0")


def lse(r: float) -> Compiled:
    """(1/r)·log(mean(exp(r·x)))."""
    if r == 0 or not math.isfinite(r):
        raise UsageError(f"r {r}: must be a number other than 0")
    return Compiled("lse", "real", (r,))


def std(ddof: int) -> Compiled:
    """The square root of the variance."""
    return Compiled("std", "real", q=_ddof(ddof))


def var(ddof: int) -> Compiled:
    """Σ(x − mean)² / (n − ddof)."""
    return Compiled("var", "real", q=_ddof(ddof))


def _ddof(ddof: int) -> tuple[int]:
    if ddof < 0:
        raise UsageError(f"ddof {ddof}: must be at least 0")
    return (min(ddof, _MOST_DDOF),)


def stochastic(mode: str, seed: int, negatives: str) -> Compiled:
    """A cell drawn with probability a/Σa, or the expected value Σa²/Σa of that draw."""
    if mode not in DRAWS:
        raise UsageError(f"mode {mode!r}: use {' or '.join(DRAWS)}")
    if negatives not in NEGATIVES:
        raise UsageError(f"negatives {negatives!r}: use {', '.join(NEGATIVES)}")
    key = seed & (1 << 64) - 1
    codes = (key - (1 << 64) if key >> 63 else key, NEGATIVES.index(negatives))
    if mode == "expected":
        return Compiled("expected", "real", q=codes)
    return Compiled("sample", "keeps", q=codes, whole=True)
