"""Which cells each window covers: the arithmetic of one axis; and sizes in proportion.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from poolcli.errors import InputError

if TYPE_CHECKING:
    from fractions import Fraction


class Grid(NamedTuple):
    """Even pixels over the cells of an axis: the first begins at ``origin``, each is ``step`` long.

    Lengths are counted in cells, from the beginning of cell 0.
    """

    origin: float
    step: float

    def over(self, below: Grid) -> Grid:
        """Give this grid over the cells that those of ``below`` lie over.

        >>> Grid(0, 2).over(Grid(1, 3))
        Grid(origin=1, step=6)
        """
        return Grid(below.origin + self.origin * below.step, self.step * below.step)

    def turned(self) -> Grid:
        """Give the grid of the cells over the pixels.

        >>> Grid(1, 2).turned()
        Grid(origin=-0.5, step=0.5)
        """
        return Grid(-self.origin / self.step, 1 / self.step)


class Windows(NamedTuple):
    """The windows along one spatial axis of an array.

    ``starts`` is a ``range`` where windows are evenly spaced and ``sizes`` one number where they
    are all of one size. Neither starts nor ends ever decrease.
    """

    axis: str
    n: int
    starts: range | tuple[int, ...]
    sizes: int | tuple[int, ...]
    dilation: int = 1
    pad_before: int = 0
    pad_after: int = 0

    @property
    def out(self) -> int:
        """How many windows there are."""
        return len(self.starts)

    @property
    def largest(self) -> int:
        """The most cells that one window covers, padding included."""
        return self.sizes if isinstance(self.sizes, int) else max(self.sizes)

    def size(self, i: int) -> int:
        """The cells of window ``i``, padding included."""
        return self.sizes if isinstance(self.sizes, int) else self.sizes[i]

    def end(self, i: int) -> int:
        """One past the last cell of window ``i``."""
        return self.starts[i] + (self.size(i) - 1) * self.dilation + 1

    def span(self, first: int, stop: int) -> tuple[int, int]:
        """The cells ``low .. high-1`` that windows ``first .. stop-1`` reach, padding included."""
        return self.starts[first], self.end(stop - 1)

    def part(self, first: int, stop: int) -> Windows:
        """The windows ``first .. stop-1`` of the same axis."""
        if (first, stop) == (0, self.out):
            return self
        sizes = self.sizes if isinstance(self.sizes, int) else self.sizes[first:stop]
        return self._with(self.starts[first:stop], sizes)

    def piece(self, skip: int, size: int) -> Windows:
        """One window of ``size`` of the first window's cells, after the first ``skip`` of them."""
        start = self.starts[0] + skip * self.dilation
        return self._with(range(start, start + 1), size)

    def _with(self, starts: range | tuple[int, ...], sizes: int | tuple[int, ...]) -> Windows:
        return self._replace(starts=starts, sizes=sizes)

    def cells(self, i: int) -> list[int]:
        """The real cells of window ``i``."""
        every = range(self.starts[i], self.end(i), self.dilation)
        return [cell for cell in every if 0 <= cell < self.n]

    def parts(self, i: int) -> dict[int, Fraction]:
        """How much of each cell lies in window ``i`` where windows share the axis evenly.

        >>> Windows("width", 5, (0, 2), 3).parts(1)
        {2: Fraction(1, 2), 3: Fraction(1, 1), 4: Fraction(1, 1)}
        """
        from fractions import Fraction  # late, it takes milliseconds that few runs have need of

        low, high = (Fraction(edge * self.n, self.out) for edge in (i, i + 1))
        ends = ((cell, Fraction(cell), Fraction(cell + 1)) for cell in self.cells(i))
        return {cell: min(high, end) - max(low, start) for cell, start, end in ends}

    def real_span(self, i: int) -> tuple[int, int]:
        """The first real cell of window ``i``, and one past the last."""
        start, count = self.starts[i], self.real(i)
        first = start + max(0, -(start // self.dilation)) * self.dilation
        return first, first + (count - 1) * self.dilation + 1

    def real(self, i: int) -> int:
        """How many cells of window ``i`` are real, that is no padding."""
        return self._within(i, 0, self.n)

    def explicit(self, i: int) -> int:
        """How many cells of window ``i`` are real or explicit padding.

        Cells past the explicit padding, which ceil mode can reach, never count.
        """
        return self._within(i, -self.pad_before, self.n + self.pad_after)

    def _within(self, i: int, low: int, high: int) -> int:
        start, size, step = self.starts[i], self.size(i), self.dilation
        first = max(0, -((start - low) // step)) if start < low else 0
        last = min(size - 1, (high - 1 - start) // step)
        return max(0, last - first + 1)

    @property
    def grid(self) -> Grid:
        """The even grid whose pixels stand for the windows.

        Where windows are of one size each pixel stands in the middle of its window, and is as long
        as the windows are apart; a single one is the real cells of its window. Windows of several
        sizes share the axis between them, and so do their pixels.
        """
        if not isinstance(self.sizes, int):
            return Grid(0, self.n / self.out)
        first, last = self.starts[0], self.starts[-1]
        if self.out == 1:
            low, high = max(first, 0), min(self.end(0), self.n)
            return Grid(low, high - low)
        step = (last - first) / (self.out - 1)
        return Grid(first + (self.end(0) - first - step) / 2, step)

    def clipped(self) -> list[int]:
        """Those windows that reach past an edge of the axis, in order."""
        low, high = 0, self.out
        while low < high and self.starts[low] < 0:
            low += 1
        while high > low and self.end(high - 1) > self.n:
            high -= 1
        return [*range(low), *range(high, self.out)]

    @property
    def dropped(self) -> int:
        """How many real cells no window covers."""
        if isinstance(self.starts, range) and isinstance(self.sizes, int):
            return self.n - _covered(self.starts, self.sizes, self.dilation, self.n)
        covered, reached = 0, 0
        for i in range(self.out):
            low, high = max(self.starts[i], reached), min(self.end(i), self.n)
            covered += max(0, high - low)
            reached = max(reached, high)
        return self.n - covered


@dataclass(frozen=True)
class Share:
    """An output size in parts of the input's: ``number`` of every ``of`` cells, along each axis."""

    number: int
    of: int

    def outs(self, cells: Sequence[int]) -> tuple[int, ...]:
        """The cells along each axis, rounded half up, and at least one.

        >>> Share(1, 4).outs([10, 3])
        (3, 1)
        """
        return tuple(max(1, (2 * n * self.number + self.of) // (2 * self.of)) for n in cells)


@dataclass(frozen=True)
class Fitted:
    """An output size of ``number`` cells along one of several axes; the others in proportion.

    Without an ``axis`` it is the longest one that has at most so many.
    """

    number: int
    axis: int | None = None
    axes: int = 0

    def outs(self, cells: Sequence[int]) -> tuple[int, ...]:
        """The cells along each axis.

        >>> Fitted(600, 0, 2).outs([3000, 4000]), Fitted(1024).outs([3000, 4096])
        ((600, 800), (750, 1024))
        """
        if self.axis is None:
            longest = max(cells)
            return Share(min(self.number, longest), max(1, longest)).outs(cells)
        if self.axes != len(cells):
            raise InputError(
                f"output size: {self.axes} axes are meant, the array has {len(cells)} spatial ones"
            )
        return Share(self.number, max(1, cells[self.axis])).outs(cells)


def _covered(starts: range, size: int, dilation: int, n: int) -> int:
    """How many of the cells ``0 .. n-1`` evenly spaced windows of one size cover.

    Cells can be seen in three ways, of which the one with the fewest sequences is taken: windows a
    multiple of the dilation apart may be one long sequence, every window is a sequence of its own,
    and so are the cells at one place of all windows.
    """
    stride, count = starts.step, len(starts)
    if dilation == 1 and (count == 1 or stride <= size):
        return min(n, starts[-1] + size) - max(0, starts[0])
    common = math.gcd(stride, dilation)
    alike = dilation // common  # so many windows on, a window stands a multiple of dilation later
    if stride // common <= size and alike < min(size, count):
        lasts = (starts[i + (count - 1 - i) // alike * alike] for i in range(alike))
        rows = [
            (start, (last - start) // dilation + size)
            for start, last in zip(starts[:alike], lasts, strict=True)
        ]
        return _in_rows(rows, dilation, n)
    if count < size:
        return _in_rows([(start, size) for start in starts], dilation, n)
    return _in_rows([(starts[0] + m * dilation, count) for m in range(size)], stride, n)


def _in_rows(rows: list[tuple[int, int]], step: int, n: int) -> int:
    """How many of the cells ``0 .. n-1`` are in any of the rows ``start, start + step, ...``.

    Rows are given as start and length. Those in the same residue class are merged as intervals.
    """
    classes: dict[int, list[tuple[int, int]]] = {}
    for start, length in rows:
        turns, residue = divmod(start, step)
        low, high = max(turns, 0), min(turns + length, (n - residue + step - 1) // step)
        if low < high:
            classes.setdefault(residue, []).append((low, high))
    total = 0
    for intervals in classes.values():
        reached = 0
        for low, high in sorted(intervals):
            total += max(0, high - max(low, reached))
            reached = max(reached, high)
    return total
