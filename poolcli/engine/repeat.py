"""Runs over small arrays, done again with other arrays that lie in memory in the same way.

Where a run is one call of one kernel, all is settled once it was done but where the cells and the
results are: nothing is planned, checked or cut into blocks again. What a kernel refuses is left to
the whole way, which says why.
"""

from __future__ import annotations

from poolcli.engine.arrays import Array
from poolcli.engine.native import Problem, Work, address_of


class Repeat:
    """The call of a kernel that pooled all of ``x`` into ``out``, to be done again."""

    def __init__(self, work: Work, x: Array, out: Array) -> None:
        cells, results = work.addresses
        # Windows need not begin with the first cell.
        self._skipped = cells - address_of(x), results - address_of(out)
        self._idle = [work]

    def run(self, x: Array, out: Array) -> bool:
        """Pool ``x`` into ``out``; False where the whole way has to be gone.

        Both have the shapes, dtypes and strides of those that the call was made for, and ``out``
        can be written to.
        """
        try:
            work = self._idle.pop()
        except IndexError:  # another thread is at it
            return False
        cells, results = self._skipped
        try:
            work.again(address_of(x) + cells, address_of(out) + results)
        except Problem:
            return False
        finally:
            self._idle.append(work)
        return True
