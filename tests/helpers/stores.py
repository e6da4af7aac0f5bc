"""Stored arrays for tests: one that knows which cells were read, and one that needs no memory."""

from __future__ import annotations

import threading

import numpy as np

from poolcli.engine.arrays import Box


class Recorded:
    """An array behind boxes; ``visits`` counts how often each cell was read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.ascontiguousarray(array)
        self.shape, self.dtype = array.shape, array.dtype
        self.axes = tuple(range(array.ndim))
        self.visits = np.zeros(array.shape, np.int64)
        self._lock = threading.Lock()

    sequential = False
    chunks = None

    def finish(self) -> None:
        """Nothing is left to do."""

    def keep(self, nbytes: int) -> None:
        """Nothing is decoded."""

    def read_box(self, box: Box, out: np.ndarray) -> None:
        place = tuple(slice(*part) for part in box)
        out[...] = self.array[place]
        with self._lock:
            self.visits[place] += 1

    @property
    def factor(self) -> float:
        """How many times its own size was read."""
        return float(self.visits.mean())


class Synthetic:
    """An array of any size that is nowhere: each cell is made of its column."""

    def __init__(self, shape: tuple[int, ...], dtype: str = "f4") -> None:
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.axes = tuple(range(len(shape)))

    sequential = False
    chunks = None

    def finish(self) -> None:
        """Nothing is left to do."""

    def keep(self, nbytes: int) -> None:
        """Nothing is decoded."""

    def read_box(self, box: Box, out: np.ndarray) -> None:
        out[...] = np.arange(*box[-1]) % 100


class Written:
    """Takes results; ``visits`` counts how often each was written."""

    chunks = None

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype
        self.array = np.zeros(shape, dtype)
        self.visits = np.zeros(shape, np.int64)

    def write_box(self, box: Box, values: np.ndarray) -> None:
        place = tuple(slice(*part) for part in box)
        self.array[place] = values
        self.visits[place] += 1

    def complete(self) -> None:
        """Nothing is left to do."""


class Nowhere:
    """Takes results and forgets them."""

    chunks = None

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.shape, self.dtype = shape, dtype

    def write_box(self, box: Box, values: np.ndarray) -> None:
        assert values.shape == tuple(high - low for low, high in box)
        assert values.flags.c_contiguous

    def complete(self) -> None:
        """Nothing is left to do."""
