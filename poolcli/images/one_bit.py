"""Pictures of black and white as grey ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.arrays import Array, Box, Readable, StoredInput


class Grey:
    """A picture of one bit in a grey, box by box: its white is the largest number of the dtype."""

    def __init__(self, bits: Readable, dtype: np.dtype[Any]) -> None:
        self._bits, self.dtype = bits, dtype
        self._white = dtype.type(np.iinfo(dtype).max)
        self.shape = bits.shape
        stored = None if isinstance(bits, np.ndarray) else bits
        self._stored: StoredInput | None = stored
        self.axes = tuple(range(bits.ndim)) if isinstance(bits, np.ndarray) else bits.axes
        self.sequential = stored is not None and stored.sequential
        self.chunks = None if stored is None else stored.chunks

    def read_box(self, box: Box, out: Array) -> None:
        """Fill ``out`` with a box."""
        if isinstance(self._bits, np.ndarray):
            bits = self._bits[tuple(slice(*part) for part in box)]
        else:
            bits = np.empty(out.shape, np.bool_)
            self._bits.read_box(box, bits)
        np.multiply(bits, self._white, out=out)

    def keep(self, nbytes: int) -> None:
        """Tell the picture."""
        if self._stored is not None:
            self._stored.keep(nbytes)

    def finish(self) -> None:
        """Tell the picture."""
        if self._stored is not None:
            self._stored.finish()
