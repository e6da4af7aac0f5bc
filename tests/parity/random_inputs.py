"""Random arrays for the campaigns: few axes, few cells, and the values where frameworks differ."""

from __future__ import annotations

import numpy as np

LAYOUTS = {1: "NCW", 2: "NCHW", 3: "NCDHW"}
LONGEST = {1: 30, 2: 11, 3: 7}


def random_shape(rng: np.random.Generator, axes: int) -> tuple[int, ...]:
    batch = int(rng.choice([0, 1, 2], p=[0.02, 0.68, 0.3]))
    shortest = int(rng.choice([1, 3], p=[0.3, 0.7]))
    cells = rng.integers(shortest, LONGEST[axes] + 1, size=axes).tolist()
    return (batch, int(rng.integers(1, 4)), *cells)


def random_array(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, style: str | None = None
) -> np.ndarray:
    """Ties, any numbers, NaN and infinities; integers also from the ends of their type."""
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        if rng.random() < 0.5:
            return rng.integers(max(limits.min, -9), 10, shape).astype(dtype)
        top = min(limits.max, 2**40)
        return rng.integers(max(limits.min, -top), top, shape, endpoint=True).astype(dtype)
    if style is None:
        style = str(rng.choice(["quarters", "any", "special", "endless"], p=[0.4, 0.3, 0.2, 0.1]))
    if style == "any":
        return (rng.standard_normal(shape) * 10.0 ** rng.integers(-3, 3)).astype(dtype)
    x = rng.integers(-24, 33, shape) / 4
    kinds = {"special": [np.nan, np.inf, -np.inf, -0.0], "endless": [np.inf, -np.inf]}
    if style in kinds:
        places = rng.random(shape) < rng.choice([0.05, 0.3, 0.9])
        x[places] = rng.choice(kinds[style], size=int(places.sum()))
    return x.astype(dtype)
