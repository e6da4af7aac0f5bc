"""Cells that a mask leaves out: a view that marks them with a value that others do not have."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.arrays import Array, Box, Buffers, InputView
from poolcli.errors import InputError

# Integers are widened, so that there is a value that no cell has; of 64 bits there is none wider.
_WIDER = {"b1": "i1", "i1": "i2", "u1": "i2", "i2": "i4", "u2": "i4", "i4": "i8", "u4": "i8"}


def marked_dtype(cells: np.dtype[Any]) -> np.dtype[Any]:
    """What cells are seen as beside a mask.

    >>> marked_dtype(np.dtype("u1")), marked_dtype(np.dtype(">f4"))
    (dtype('int16'), dtype('float32'))
    """
    native = cells.newbyteorder("=")
    return np.dtype(_WIDER.get(native.str[1:], native))


def marker(cells: np.dtype[Any]) -> Any:
    """The value of ``marked_dtype`` that cells of the mask get: no cell has it, or hardly any."""
    seen = marked_dtype(cells)
    limits = np.finfo(seen) if seen.kind == "f" else np.iinfo(seen)
    return seen.type(limits.max if seen.kind == "u" else limits.min)


class MaskedView:
    """A view whose cells are marked where the mask, which has the same axes, is True.

    ``unused``: the value must be that of no other cell.
    """

    def __init__(self, view: InputView, mask: Array, value: Any, *, unused: bool) -> None:
        self._view, self._mask, self._value, self._unused = view, mask, value, unused
        self.shape, self.slow_first = view.shape, view.slow_first
        self.chunks, self.block_bytes = view.chunks, view.block_bytes
        self.dtype = np.dtype(type(value))

    def read(self, box: Box, buffers: Buffers) -> Array:
        """The cells of a box, in memory of their own."""
        cells = self._view.read(box, buffers)
        mask = self._mask[tuple(slice(*part) for part in box)]
        marked = np.array(cells, self.dtype, order="K")
        if self._unused and (marked[~mask] == self._value).any():
            raise InputError(
                f"a cell is {self._value}, which is what masked ones are marked with; say "
                "`nodata`, or convert the input to a wider type"
            )
        marked[mask] = self._value
        return marked

    def keep(self, nbytes: int) -> None:
        """Tell the view."""
        self._view.keep(nbytes)
