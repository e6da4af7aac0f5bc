"""Long float32 arrays whose exact mean is known: every cell is a whole number of units."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

Units = Callable[[np.ndarray], np.ndarray]

# name: log2 of the unit, and how many units the cell at each position has
HARD: dict[str, tuple[int, Units]] = {
    "one and a little": (-23, lambda i: 2**23 + i % 3),
    "mostly the largest below one": (-24, lambda i: np.where(i % 1000 == 7, 1, 2**24 - 1)),
    "anything below one": (-24, lambda i: (i * 2654435761) % 2**24),
    "large ones that cancel": (4, lambda i: np.where(i % 2 == 0, 2**23 + i % 5, -(2**23))),
    "one huge, the others small": (0, lambda i: np.where(i == 0, 2**40, 1 + i % 2)),
    "halves that cancel far apart": (
        0,
        lambda i: np.where(i % 4096 < 2048, 1, -1) * (2**23 + (i * 40503) % 2**10),
    ),
}


def hard_array(name: str, cells: int) -> tuple[np.ndarray, Fraction, Fraction]:
    """The array, its exact mean, and that of its magnitudes."""
    exponent, units = HARD[name]
    x = np.empty(cells, np.float32)
    total = magnitude = 0
    for start in range(0, cells, 2**20):
        part = units(np.arange(start, min(start + 2**20, cells), dtype=np.int64))
        x[start : start + len(part)] = np.ldexp(part.astype(np.float64), exponent)
        total += int(part.sum())
        magnitude += int(np.abs(part).sum())
    unit = Fraction(2) ** exponent
    return x, unit * total / cells, unit * magnitude / cells


def ulps_off(got: np.float32, exact: Fraction, magnitude: Fraction) -> float:
    """How many units in the last place of the mean magnitude `got` is off (S7: at most 2)."""
    ulp = Fraction(float(np.spacing(np.float32(magnitude))))
    return float(abs(Fraction(float(got)) - exact) / ulp)
