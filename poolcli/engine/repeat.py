"""Runs over small arrays, done again with other arrays that lie in memory in the same way.

Where a run is one call of one kernel, all is settled once it was done but where the cells and the
results are: nothing is planned, checked or cut into blocks again. What a kernel refuses is left to
the whole way, which says why.
"""

from __future__ import annotations

from poolcli.engine.arrays import Array
from poolcli.engine.native import Problem, Work, address_of

# Kernels copy cells that are not where the processor wants numbers of 8 bytes, into memory that is
# part of a call: one that was made for cells that are can do no others.
_ALIGNMENT = 8


class Repeat:
    """The call of a kernel that pooled all of ``x`` into ``out``, to be done again."""

    def __init__(self, work: Work, x: Array, out: Array) -> None:
        cells, results = work.addresses
        # Windows need not begin with the first cell.
        self._skipped = cells - address_of(x), results - address_of(out)
        self._offsets = cells % _ALIGNMENT, results % _ALIGNMENT
        self._idle = [work]

    def run(self, x: Array, out: Array) -> bool:
        """Pool ``x`` into ``out``; False where the whole way has to be gone.

        Both have the shapes, dtypes and strides of those that the call was made for, and ``out``
        can be written to.
        """
        cells, results = address_of(x) + self._skipped[0], address_of(out) + self._skipped[1]
        if (cells % _ALIGNMENT, results % _ALIGNMENT) != self._offsets:
            return False
        try:
            work = self._idle.pop()
        except IndexError:  # another thread is at it
            return False
        try:
            work.again(cells, results)
        except Problem:
            return False
        finally:
            self._idle.append(work)
        return True
