"""What an op's row gives: how the cells of a window become one number, in one of four ways.

Nothing here loads NumPy, so that the ops can be listed without it. ``result`` names the rule for
the dtype of results, one of ``poolcli.dtypes.RESULTS``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

    from poolcli.engine.arrays import Array

    Function = Callable[[Array, Array], Array]


class Compiled(NamedTuple):
    """A kernel of ``poolcli/kernels``; ``p`` and ``q`` are its parameters, see README.md there."""

    name: str
    result: str = "keeps"
    p: tuple[float, ...] = ()
    q: tuple[int, ...] = ()
    mirrors: bool = False
    """Whether padding is no absence but mirrors the cells inside the edge, by binomial weights."""
    whole: bool = False
    """Whether it needs all cells of a window in memory at once: no pieces."""
    digits: int = 0
    """How many bits of a cell one pass over a window in pieces settles; 0: one pass does."""
    more_passes: int = 0
    """Passes beside those."""
    one_pass: bool = False
    """Whether windows come in pieces only where one pass is enough."""

    def sees_whole(self, dtype: np.dtype[Any]) -> bool:
        """Whether a window of such cells must be in memory at once."""
        return self.whole or (self.one_pass and self.passes(dtype) > 1)

    def passes(self, dtype: np.dtype[Any]) -> int:
        """How often a window in pieces wants all its pieces, of cells of that dtype."""
        if not self.digits:
            return 1
        least = 4 if dtype.kind == "f" else 1  # float16 is ranked as float32
        return -(-8 * max(least, dtype.itemsize) // self.digits) + self.more_passes


class Composed(NamedTuple):
    """A formula of the results of two kernels, which it gets as floats of 64 bits."""

    first: Compiled
    second: Compiled
    formula: Function
    result: str = "real"

    @property
    def mirrors(self) -> bool:
        """No: padding is absence."""
        return False

    def sees_whole(self, _dtype: np.dtype[Any]) -> bool:
        """No: both kernels take windows in pieces."""
        return False


class Weighted(NamedTuple):
    """The sum or the mean of cells that have weights, which lie in an array beside them.

    ``sum`` adds the cells times their weights, and these; ``mean`` gives the part of a window whose
    cells count, which those of weight 0 do not.
    """

    sum: Compiled
    mean: Compiled
    divides: bool
    """Whether the sum is divided by that of the weights."""
    result: str = "real"

    @property
    def mirrors(self) -> bool:
        """No: padding is absence."""
        return False

    def sees_whole(self, dtype: np.dtype[Any]) -> bool:
        """Whether a window of such cells must be in memory at once."""
        return self.sum.sees_whole(dtype)


class Gathered(NamedTuple):
    """A NumPy function of windows whose cells stand side by side.

    It gets ``cells``, with one axis before those of the results, and ``valid`` of the same shape,
    False for padding and missing cells, whose values mean nothing; it returns the results.
    """

    function: Function
    result: str = "real"

    @property
    def mirrors(self) -> bool:
        """No: padding is absence."""
        return False

    def sees_whole(self, _dtype: np.dtype[Any]) -> bool:
        """Yes: that is what it is for."""
        return True


Kernel = Compiled | Composed | Weighted | Gathered
