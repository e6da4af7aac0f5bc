"""The ways to place windows, from the numbers that are asked for to the windows of each axis.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import gcd
from typing import Protocol

from poolcli.checks import flag, listed, real, shown, whole, whole_number
from poolcli.errors import InputError, UsageError
from poolcli.windows import Fitted, Share, Windows

PADDING_WORDS = ("valid", "same", "same-upper", "same-lower", "center")

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

    @property
    def entries(self) -> int:
        """How many numbers a size was given with, one for each spatial axis; 0: one for all."""
        return 0

    @property
    def cuts_cells(self) -> bool:
        """Whether cells at the ends of a window count by the part of them that lies inside."""
        return False

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

    @property
    def entries(self) -> int:
        """How many numbers the size has."""
        return _entries(self.size)

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

    The definition is that of torch.nn.AdaptiveAvgPool2d. Among several output sizes None leaves an
    axis as it is. A Share or what is Fitted keeps the aspect. ``by_area``: windows are all n/o
    cells long, from i·n/o on, and cells at their ends count by the part that lies inside.
    """

    output_size: int | tuple[int | None, ...] | Share | Fitted
    by_area: bool = False

    def __post_init__(self) -> None:
        flag("by_area", self.by_area)

    @property
    def entries(self) -> int:
        """How many numbers the output size has."""
        return _entries(self.output_size)

    @property
    def cuts_cells(self) -> bool:
        """Whether cells at the ends of a window count by the part of them that lies inside."""
        return self.by_area

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis.

        >>> Adaptive(3).resolve(["width"], [7])[0].starts
        (0, 2, 4)
        """
        size = self.output_size
        if isinstance(size, (Share, Fitted)):
            size = size.outs([_some_cells(*axis) for axis in zip(names, cells, strict=True)])
        outs = _output_sizes(size, names, cells)
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

    output_size: int | tuple[int | None, ...]
    size: int | tuple[int, ...] | None = None
    seed: int = 0
    samples: tuple[float, ...] | None = None

    @property
    def entries(self) -> int:
        """How many numbers the output size has."""
        return _entries(self.output_size)

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """One :class:`Windows` for each spatial axis.

        >>> Fractional(3, 2, samples=(0.5,)).resolve(["width"], [7])[0].starts
        (0, 2, 5)
        """
        outs = _output_sizes(self.output_size, names, cells)
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


def _entries(value: object) -> int:
    return len(value) if isinstance(value, tuple) else 0


def _output_sizes(
    value: int | tuple[int | None, ...], names: Sequence[str], cells: Sequence[int]
) -> tuple[int, ...]:
    """The cells that are asked for, and those that there are where None leaves an axis alone."""
    if isinstance(value, tuple) and len(value) == len(cells):
        value = tuple(n if out is None else out for out, n in zip(value, cells, strict=True))
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
    rounds_up = ceil_mode and not isinstance(padding, str)
    if effective > padded and not rounds_up:
        what = "padded input" if before or after else "input"
        raise InputError(f"{axis}: effective kernel {effective} exceeds {what} {padded}")
    out = (padded - effective) // stride + 1
    if rounds_up:
        # A window larger than the axis is one window, which reaches past the end.
        out = max(1, -((effective - padded) // stride) + 1)
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
    what: str, value: int | Sequence[int | None] | None, names: Sequence[str], *, least: int
) -> tuple[int, ...]:
    """One whole number per axis, from one for all, alone or in a sequence, or from one each.

    >>> axis_values("size", (2,), ["height", "width"], least=1)
    (2, 2)
    """
    values = list(value) if isinstance(value, (tuple, list)) else [value]
    values = values * len(names) if len(values) == 1 else values
    if len(values) != len(names):
        raise InputError(
            f"{what} has {_counted(values, 'number', 'numbers')}, the array has "
            f"{_counted(names, 'spatial axis', 'spatial axes')}: {', '.join(names)}"
        )
    return tuple(whole_number(what, v, least=least) for v in values)


def axis_paddings(padding: Padding, names: Sequence[str]) -> list[str | tuple[int, int]]:
    """A pair or a word per axis, from any way to give padding."""
    if isinstance(padding, str):
        word = padding_word(padding)
        word = {"same-upper": "same"}.get(word, word)
        return [(0, 0) if word == "valid" else word] * len(names)
    if isinstance(padding, (tuple, list)):
        if len(padding) == 1:
            return [_pair(padding[0])] * len(names)
        if len(padding) != len(names):
            raise InputError(
                f"padding has {_counted(padding, 'entry', 'entries')}, the array has "
                f"{_counted(names, 'spatial axis', 'spatial axes')}: {', '.join(names)}"
            )
        return [_pair(entry) for entry in padding]
    return [_pair(padding)] * len(names)


def padding_word(said: str) -> str:
    """One of ``PADDING_WORDS``, however frameworks write it.

    >>> padding_word("SAME_UPPER")
    'same-upper'
    """
    word = said.lower().replace("_", "-")
    if word not in PADDING_WORDS:
        raise UsageError(
            f"padding {shown(said)}: use a number, a pair per axis or one of "
            f"{', '.join(PADDING_WORDS)}"
        )
    return word


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
