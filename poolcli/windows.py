"""Which cells each window covers: the arithmetic of one axis, and the ways to place windows.

Standard library only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import gcd
from typing import NamedTuple, Protocol

from poolcli.checks import flag, listed, real, shown, whole
from poolcli.errors import InputError, UsageError


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


PADDING_WORDS = ("valid", "same", "same-upper", "same-lower", "center")

# Sums of a few such numbers still fit the 63 bits of a range's length.
_MOST = 2**60

# Windows at uneven steps are listed one by one; where there are fewer cells, fewer of them are.
_MOST_LISTED = 2**24
_MOST_OF_FEW = 2**20

# More than anybody means, and enough to take seconds.
MOST_LEVELS = 1000

Padding = str | int | tuple[int | tuple[int, int], ...]


class Geometry(Protocol):
    """A way to place windows, as asked for: a frozen value that knows no array."""

    @property
    def parts(self) -> tuple[Placement, ...]:
        """What windows are placed by, one after another; the results of several are joined."""


class Placement(Geometry, Protocol):
    """A geometry of one part: it gives every spatial axis its windows."""

    @property
    def parts(self) -> tuple[Placement, ...]:
        return (self,)

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis; ``names`` and ``cells`` give name and length.

        Raises UsageError for values that mean nothing, InputError where they do not fit the axes.
        """

    def completed(self, *, unit_stride: bool, padding: Padding) -> Placement:
        """The same, with a framework's stride and an op's padding where it leaves these open."""
        return self


@dataclass(frozen=True)
class Sliding(Placement):
    """Windows of one size at even steps: what frameworks call pooling.

    Each of size, stride, padding and dilation is one number for every spatial axis or a tuple with
    one entry per axis. Padding is a count, a (before, after) pair per axis, or one of
    ``valid``, ``same`` (= ``same-upper``), ``same-lower`` and ``center`` (windows stand around the
    cells 0, stride, 2·stride, …); None is the op's own default. The stride defaults to the size.
    """

    size: int | tuple[int, ...]
    stride: int | tuple[int, ...] | None = None
    padding: Padding | None = None
    dilation: int | tuple[int, ...] = 1
    ceil_mode: bool = False

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis; ``names`` and ``cells`` give name and length.

        Raises UsageError for values that mean nothing, InputError where they do not fit the axes.

        >>> [w.out for w in Sliding(3, stride=2).resolve(["height", "width"], [7, 9])]
        [3, 4]
        """
        sizes = axis_values("size", self.size, names, least=1)
        strides = (
            sizes if self.stride is None else axis_values("stride", self.stride, names, least=1)
        )
        dilations = axis_values("dilation", self.dilation, names, least=1)
        paddings = axis_paddings(0 if self.padding is None else self.padding, names)
        ceil_mode = flag("ceil_mode", self.ceil_mode)
        placed = zip(names, cells, sizes, strides, paddings, dilations, strict=True)
        try:
            return tuple(
                _slide(name, n, size, stride, padding, dilation, ceil_mode)
                for name, n, size, stride, padding, dilation in placed
            )
        except InputError as error:
            if isinstance(self.size, int) and 1 in cells and max(cells) > 1:
                along = "x".join("1" if n == 1 else str(self.size) for n in cells)
                raise InputError(f"{error}; the size {along} slides along the rest") from None
            raise

    def completed(self, *, unit_stride: bool, padding: Padding) -> Placement:
        """Stride 1 where a framework has that by default, and the op's own padding."""
        stride = 1 if self.stride is None and unit_stride else self.stride
        padding = padding if self.padding is None else self.padding
        return replace(self, stride=stride, padding=padding)


@dataclass(frozen=True)
class Global(Placement):
    """One window per axis, which covers all of it."""

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis.

        >>> Global().resolve(["width"], [5])[0].span(0, 1)
        (0, 5)
        """
        return tuple(
            Windows(name, _some_cells(name, n), range(1), n)
            for name, n in zip(names, cells, strict=True)
        )


@dataclass(frozen=True)
class Adaptive(Placement):
    """As many windows as asked for: window i of o covers the cells ⌊i·n/o⌋ … ⌈(i+1)·n/o⌉−1.

    The definition is that of torch.nn.AdaptiveAvgPool2d.
    """

    output_size: int | tuple[int, ...]

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis.

        >>> Adaptive(3).resolve(["width"], [7])[0].starts
        (0, 2, 4)
        """
        outs = _output_sizes(self.output_size, names)
        return tuple(
            _adapt(name, _some_cells(name, n), out)
            for name, n, out in zip(names, cells, outs, strict=True)
        )


@dataclass(frozen=True)
class Fractional(Placement):
    """Windows of one size at pseudo-random steps (Graham 2014, "Fractional max-pooling").

    With α = (n − size)/(o − 1), window i starts at ⌊(i+u)·α⌋ − ⌊u·α⌋ and the last at n − size, as
    in torch.nn.FractionalMaxPool2d. ``samples`` gives u in [0, 1) for each axis; without it they
    are drawn with ``seed``. The size defaults to the smallest that leaves no gap.
    """

    output_size: int | tuple[int, ...]
    size: int | tuple[int, ...] | None = None
    seed: int = 0
    samples: tuple[float, ...] | None = None

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis.

        >>> Fractional(3, 2, samples=(0.5,)).resolve(["width"], [7])[0].starts
        (0, 2, 5)
        """
        outs = _output_sizes(self.output_size, names)
        sizes: Sequence[int] = [_gapless(n, out) for n, out in zip(cells, outs, strict=True)]
        if self.size is not None:
            sizes = axis_values("size", self.size, names, least=1)
        samples = self.samples
        if samples is None:
            import random  # takes ten milliseconds that only this geometry needs

            draw = random.Random(whole("seed", self.seed))
            samples = tuple(draw.random() for _ in names)
        samples = tuple(real("samples", u) for u in listed("samples", samples))
        if len(samples) != len(names) or not all(0 <= u < 1 for u in samples):
            raise UsageError(f"samples {shown(samples)}: {len(names)} numbers in [0, 1) are meant")
        return tuple(
            _fraction(name, _some_cells(name, n), size, out, u)
            for name, n, size, out, u in zip(names, cells, sizes, outs, samples, strict=True)
        )


@dataclass(frozen=True)
class Pyramid:
    """Adaptive windows at several levels, whose results are joined: spatial pyramid pooling.

    A level l gives l windows per spatial axis, a level (h, w) h by w (He, Zhang, Ren & Sun 2014,
    "Spatial pyramid pooling in deep convolutional networks").
    """

    levels: tuple[int | tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not self.levels:
            raise UsageError("levels: give at least one, such as 1,2,4")
        if len(self.levels) > MOST_LEVELS:
            raise UsageError(
                f"levels: {len(self.levels)} are given; at most {MOST_LEVELS} are taken"
            )

    @property
    def parts(self) -> tuple[Placement, ...]:
        """The adaptive windows of each level."""
        return tuple(Adaptive(level) for level in self.levels)


def _output_sizes(value: int | tuple[int, ...], names: Sequence[str]) -> tuple[int, ...]:
    outs = axis_values("output size", value, names, least=1)
    for name, out in zip(names, outs, strict=True):
        if out > _MOST_LISTED:
            raise UsageError(f"{name}: output size {out} is too large; at most {_MOST_LISTED}")
    return outs


def _adapt(axis: str, n: int, out: int) -> Windows:
    if n % out == 0:
        return Windows(axis, n, range(0, n, n // out), n // out)
    if out > max(n, _MOST_OF_FEW):
        raise InputError(
            f"{axis}: output size {out} is too large for {n} cells; at most {_MOST_OF_FEW}"
        )
    starts = tuple(i * n // out for i in range(out))
    sizes = tuple(-(-(i + 1) * n // out) - start for i, start in enumerate(starts))
    return Windows(axis, n, starts, sizes)


def _gapless(n: int, out: int) -> int:
    """The smallest window size with which ``out`` windows leave none of n cells uncovered."""
    return n if out == 1 else max(1, -(-n // out))


def _fraction(axis: str, n: int, size: int, out: int, u: float) -> Windows:
    if out + size - 1 > n:
        raise InputError(
            f"{axis}: {out} windows of {size} that all start elsewhere need {out + size - 1} "
            f"cells, there are {n}"
        )
    if out == 1:
        return Windows(axis, n, (n - size,), size)
    from fractions import Fraction  # late, as random: only this geometry needs it

    alpha = Fraction(n - size, out - 1)
    exact = Fraction(u)
    starts = [int((i + exact) * alpha) - int(exact * alpha) for i in range(out - 1)]
    return Windows(axis, n, (*starts, n - size), size)


def _slide(
    axis: str,
    n: int,
    size: int,
    stride: int,
    padding: str | tuple[int, int],
    dilation: int,
    ceil_mode: bool,
) -> Windows:
    _some_cells(axis, n)
    effective = (size - 1) * dilation + 1
    before, after = (
        _word_padding(padding, n, effective, stride) if isinstance(padding, str) else padding
    )
    padded = n + before + after
    if effective > padded:
        what = "padded input" if before or after else "input"
        raise InputError(f"{axis}: effective kernel {effective} exceeds {what} {padded}")
    if isinstance(padding, str) or not ceil_mode:
        out = (padded - effective) // stride + 1
    else:
        out = -((effective - padded) // stride) + 1
        if (out - 1) * stride >= n + before:
            out -= 1
    starts = range(-before, -before + out * stride, stride)
    windows = Windows(axis, n, starts, size, dilation, before, after)
    _refuse_empty_window(windows)
    return windows


def _word_padding(word: str, n: int, effective: int, stride: int) -> tuple[int, int]:
    """The padding that gives ⌈n / stride⌉ windows."""
    out = -(-n // stride)
    needed = (out - 1) * stride + effective - n
    if word == "center":
        before = (effective - 1) // 2
        return before, max(needed - before, 0)
    small, large = max(needed, 0) // 2, -(-max(needed, 0) // 2)
    return (large, small) if word == "same-lower" else (small, large)


def _refuse_empty_window(windows: Windows) -> None:
    """Refuse a geometry in which some window would hold padding only.

    Undilated windows that overlap the edges do so most at the ends; dilated ones can also step
    over a short axis. Of those that stand a multiple of the dilation apart, it is again the first
    and the last that matter; and where there are more such kinds than cells, one soon is empty.
    """
    out, dilation = windows.out, windows.dilation
    kinds = 1
    if windows.n < dilation and isinstance(windows.starts, range):
        kinds = min(out, dilation // gcd(dilation, windows.starts.step))
    for i in chain(range(kinds), range(out - kinds, out)):
        if windows.real(i) == 0:
            raise InputError(
                f"{windows.axis}: window {i} of {windows.out} would start at "
                f"{windows.starts[i]} and hold none of the {windows.n} real cells; "
                "use less padding or dilation"
            )


def _some_cells(axis: str, n: int) -> int:
    if n == 0:
        raise InputError(f"{axis}: the axis is empty (0 cells), so no window holds a real cell")
    return n


def axis_values(
    what: str, value: int | Sequence[int], names: Sequence[str], *, least: int
) -> tuple[int, ...]:
    """One whole number per axis, from one for all or a sequence."""
    values = [value] * len(names) if not isinstance(value, (tuple, list)) else list(value)
    if len(values) != len(names):
        raise InputError(
            f"{what} has {_counted(values, 'number', 'numbers')}, the array has "
            f"{_counted(names, 'spatial axis', 'spatial axes')}: {', '.join(names)}"
        )
    return tuple(whole_number(what, v, least=least) for v in values)


def axis_paddings(padding: Padding, names: Sequence[str]) -> list[str | tuple[int, int]]:
    """A pair or a word per axis, from any way to give padding."""
    if isinstance(padding, str):
        if padding not in PADDING_WORDS:
            raise UsageError(
                f"padding {shown(padding)}: use a number, a pair per axis or one of "
                f"{', '.join(PADDING_WORDS)}"
            )
        word = {"same-upper": "same"}.get(padding, padding)
        return [(0, 0) if word == "valid" else word] * len(names)
    if isinstance(padding, (tuple, list)):
        if len(padding) != len(names):
            raise InputError(
                f"padding has {_counted(padding, 'entry', 'entries')}, the array has "
                f"{_counted(names, 'spatial axis', 'spatial axes')}: {', '.join(names)}"
            )
        return [_pair(entry) for entry in padding]
    return [_pair(padding)] * len(names)


def _counted(things: Sequence[object], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def _pair(entry: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(entry, (tuple, list)):
        if len(entry) != 2:
            raise UsageError(f"padding {shown(tuple(entry))}: a pair (before, after) is meant")
        return whole_number("padding", entry[0], least=0), whole_number(
            "padding", entry[1], least=0
        )
    both = whole_number("padding", entry, least=0)
    return both, both


def whole_number(what: str, value: object, *, least: int) -> int:
    """``value`` as an int, or a UsageError that says what it is for.

    >>> whole_number("stride", 2, least=1)
    2
    """
    number = whole(what, value)
    if isinstance(value, bool) or number < least:
        raise UsageError(f"{what} {shown(value)}: must be a whole number of at least {least}")
    if number > _MOST:
        raise UsageError(f"{what}: {number.bit_length()} bits are too large; at most 2^60")
    return number
