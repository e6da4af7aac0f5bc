"""Receptive fields: which cells of the input one value of a chain's result depends on.

Along one axis, stage l with effective kernel e and stride s takes the receptive field r and the
jump j (the distance of neighbouring values, in cells of the input) of what goes in to

    r + (e − 1)·j    and    j·s

(Araujo, Norris & Sim 2019, "Computing Receptive Fields of Convolutional Neural Networks", Distill).
Edges clip it, and windows of adaptive and fractional pooling differ in size and step; so windows
are followed back through the stages, and the widest field is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from poolcli.windows import Windows

# Values looked at for the widest field, from the middle outwards. Where windows are evenly spaced
# the first one away from the edges has it.
MOST = 10_000


def receptive_field(stages: Sequence[Windows]) -> int:
    """Cells from the first to the last that a value can depend on, gaps of dilation included.

    ``stages`` are the windows of one axis, stage by stage; without any, a cell is its own field.
    Padding is not counted.

    >>> from poolcli.geometry import Sliding
    >>> first, = Sliding(3, stride=2, padding=1).resolve(["width"], [224])
    >>> second, = Sliding(2).resolve(["width"], [first.out])
    >>> receptive_field([first, second])
    5
    """
    if not stages:
        return 1
    limit, widest = _bound(stages), 0
    for i in _from_the_middle(stages[-1].out):
        first, last = reach(stages, i)
        widest = max(widest, last - first + 1)
        if widest == limit:
            break
    return widest


def reach(stages: Sequence[Windows], i: int) -> tuple[int, int]:
    """The first and the last cell of the input that value ``i`` of the last stage depends on."""
    return _first(stages, i), _last(stages, i)


def _first(stages: Sequence[Windows], i: int) -> int:
    """The first cell of the input that value ``i`` of the last stage depends on.

    As a rule that is the first cell of its first cell. But a dilated window that begins in the
    padding may step over the cells at the edge, so that its neighbour begins before it.
    """
    if not stages:
        return i
    *before, windows = stages
    start = windows.starts[i]
    stop = min(windows.end(i), windows.n)
    cells = range(start if start >= 0 else start % windows.dilation, stop, windows.dilation)
    best = _first(before, cells[0])
    for cell in cells[1:]:
        if _not_before(before, cell) >= best:
            break
        best = min(best, _first(before, cell))
    return best


def _last(stages: Sequence[Windows], i: int) -> int:
    """The last cell of the input that value ``i`` of the last stage depends on."""
    if not stages:
        return i
    *before, windows = stages
    last = windows.end(i) - 1
    past = max(0, last - (windows.n - 1))
    stop = max(windows.starts[i], 0) - 1
    cells = range(last + -past // windows.dilation * windows.dilation, stop, -windows.dilation)
    best = _last(before, cells[0])
    for cell in cells[1:]:
        if _not_after(before, cell) <= best:
            break
        best = max(best, _last(before, cell))
    return best


def _not_before(stages: Sequence[Windows], i: int) -> int:
    """A cell of the input that no cell of value ``i``, or of the values after it, lies before."""
    for windows in reversed(stages):
        if windows.starts[i] < 0:
            return 0
        i = windows.starts[i]
    return i


def _not_after(stages: Sequence[Windows], i: int) -> int:
    """A cell of the input that no cell of value ``i``, or of the values before it, lies after."""
    for windows in reversed(stages):
        if windows.end(i) > windows.n:
            return stages[0].n - 1
        i = windows.end(i) - 1
    return i


def jump(stages: Sequence[Windows]) -> Fraction | None:
    """How many cells of the input lie between neighbouring values; None where there is one value.

    The mean, where windows are not evenly spaced.
    """
    product = Fraction(1)
    for windows in stages:
        if windows.out == 1:
            return None
        product *= Fraction(windows.starts[-1] - windows.starts[0], windows.out - 1)
    return product


def _bound(stages: Sequence[Windows]) -> int:
    """The receptive field by the formula, with the largest window and the longest step."""
    field, step = 1, 1
    for windows in stages:
        field += (windows.largest - 1) * windows.dilation * step
        step *= _longest_step(windows.starts)
    return field


def _longest_step(starts: range | tuple[int, ...]) -> int:
    if isinstance(starts, range):
        return starts.step
    return max((b - a for a, b in pairwise(starts)), default=1)


def _from_the_middle(count: int) -> Iterator[int]:
    middle = count // 2
    yield middle
    for away in range(1, min(count, MOST) // 2 + 1):
        if middle - away >= 0:
            yield middle - away
        if middle + away < count:
            yield middle + away
