"""Results made of what several kernels find: a formula of two, or sums of cells with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from poolcli import dtypes
from poolcli.engine.arrays import Array, Box, Buffers, InputView
from poolcli.engine.kernels import Compiled, Composed, Kernel, Weighted
from poolcli.engine.native import Missing

_WIDE = np.dtype(np.float64)


class Part(NamedTuple):
    """A kernel of several: what it pools, what its results are, and which cells are missing."""

    kernel: Compiled
    cells: np.dtype[Any]
    result: np.dtype[Any]
    missing: Missing | None


class Combination(Protocol):
    """How results are made of those of several kernels."""

    @property
    def parts(self) -> Sequence[Part]:
        """The kernels."""

    def cells(self, cells: Array, box: Box, buffers: Buffers) -> list[Array]:
        """What each kernel pools, made of the cells of a box."""

    def combine(self, found: Sequence[Array], out: Array) -> None:
        """Make results of what the kernels found."""


class OfTwo:
    """A formula of two results; where cells can be missing a third kernel finds short windows."""

    def __init__(self, kernel: Composed, cells: np.dtype[Any], missing: Missing | None) -> None:
        self._formula, self._missing = kernel.formula, missing
        self.parts: list[Part] = []
        for op in (kernel.first, kernel.second):
            result = dtypes.result_dtype(op.result, cells, _WIDE)
            plain = None if missing is None else missing._replace(fill=result.type(0))
            self.parts.append(Part(op, cells, result, plain))
        if missing is not None:
            nowhere = missing._replace(fill=np.int64(-1))
            locating = Compiled("argmax", "place")
            self.parts.append(Part(locating, cells, np.dtype(np.int64), nowhere))

    def cells(self, cells: Array, _box: Box, _buffers: Buffers) -> list[Array]:
        """The cells as they are."""
        return [cells] * len(self.parts)

    def combine(self, found: Sequence[Array], out: Array) -> None:
        """Calculate the formula."""
        first, second = (part.astype(np.float64, copy=False) for part in found[:2])
        with np.errstate(all="ignore"):
            out[...] = self._formula(first, second)
        if out.dtype.kind == "f":
            _unite_nans(out)
        if self._missing is not None:
            out[found[2] < 0] = self._missing.fill


class OfWeighted:
    """Sums of cells times weights and of weights; a third kernel finds short windows."""

    def __init__(self, kernel: Weighted, missing: Missing | None, weights: InputView) -> None:
        self._divides, self._missing, self._weights = kernel.divides, missing, weights
        total = Part(kernel.sum, _WIDE, _WIDE, None)
        least = (0, 1) if missing is None else missing.least
        absent = Missing(nodata=np.uint8(0), least=least)
        self.parts = [total, total, Part(kernel.mean, np.dtype(np.uint8), _WIDE, absent)]

    def cells(self, cells: Array, box: Box, buffers: Buffers) -> list[Array]:
        """Cells times weights, weights, and which cells count."""
        weights = self._weights.read(box, buffers)
        counts = weights > 0
        if self._missing is not None:
            counts &= ~self._missing.mask(cells)
        some = np.where(counts, weights, 0.0)
        with np.errstate(all="ignore"):
            return [np.where(counts, cells * some, 0.0), some, counts.view(np.uint8)]

    def combine(self, found: Sequence[Array], out: Array) -> None:
        """Divide the sums, if that is what is asked for."""
        total, weights, there = found
        with np.errstate(all="ignore"):
            out[...] = total / weights if self._divides else total
        _unite_nans(out)
        out[np.isnan(there)] = np.nan if self._missing is None else self._missing.fill


def combination_of(
    kernel: Kernel, cells: np.dtype[Any], missing: Missing | None, weights: InputView | None
) -> Combination | None:
    """How a kernel is made of several, or None where it is not."""
    if isinstance(kernel, Composed):
        return OfTwo(kernel, cells, missing)
    if isinstance(kernel, Weighted):
        assert weights is not None, kernel
        return OfWeighted(kernel, missing, weights)
    return None


def _unite_nans(out: Array) -> None:
    out[np.isnan(out)] = np.nan  # which of several NaNs it is should not show
