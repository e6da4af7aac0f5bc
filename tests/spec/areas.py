"""Means and sums of cells that count in parts, in plain loops and exact numbers.

An axis of n cells is shared between o windows, each n/o cells long: window i begins at i·n/o, and a
cell counts by the part of it that lies inside. Beside that cells may have weights of their own.
"""

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from tests.spec.ops import Number, is_infinite
from tests.spec.windows import spatial_axes


def parts(n: int, o: int, i: int) -> dict[int, Fraction]:
    """The cells of window i, and how much of each lies inside."""
    low, high = Fraction(i * n, o), Fraction((i + 1) * n, o)
    inside = {c: min(high, Fraction(c + 1)) - max(low, Fraction(c)) for c in range(n)}
    return {c: part for c, part in inside.items() if part > 0}


def weighed(pairs: list[tuple[Number, Fraction]], *, mean: bool) -> Number:
    """Σwx, or Σwx / Σw."""
    if any(value != value for value, _ in pairs):
        return math.nan
    if endless := [value for value, _ in pairs if is_infinite(value)]:
        return sum(endless)
    total = sum((Fraction(value) * weight for value, weight in pairs), Fraction(0))
    return total / sum(weight for _, weight in pairs) if mean else total


def naive_areas(
    x: np.ndarray, outs: tuple[int, ...], layout: str, *, mean: bool, nan: str = "propagate",
    nodata: float | None = None, min_valid: float = 0, weights: Any = None,
) -> np.ndarray:  # fmt: skip
    """The result as float64; ``weights`` have the shape of ``x``."""
    axes = spatial_axes(layout)
    shape = list(x.shape)
    for axis, o in zip(axes, outs, strict=True):
        shape[axis] = o
    out = np.empty(shape)
    for at in np.ndindex(*shape):
        along = [parts(x.shape[axis], o, at[axis]) for axis, o in zip(axes, outs, strict=True)]
        pairs, there, whole = [], Fraction(0), Fraction(0)
        for cells in product(*(one.items() for one in along)):
            place = list(at)
            for axis, (cell, _) in zip(axes, cells, strict=True):
                place[axis] = cell
            value = x[tuple(place)].item()
            part = math.prod((share for _, share in cells), start=Fraction(1))
            own = part if weights is None else part * Fraction(weights[tuple(place)].item())
            whole += part
            if own == 0 or value == nodata or (nan == "skip" and value != value):
                continue
            there += part
            pairs.append((value, own))
        short = not pairs or there < Fraction(str(min_valid)) * whole
        empty = math.nan if nodata is None else nodata
        out[at] = empty if short else float(weighed(pairs, mean=mean))
    return out
