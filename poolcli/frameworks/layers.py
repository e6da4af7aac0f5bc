"""Poolings in the words that frameworks have for layers, and how arguments are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from poolcli.errors import UsageError
from poolcli.geometry import Geometry, Global, Sliding
from poolcli.layout import show_shape
from poolcli.windows import Windows

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Steps:
    """Evenly spaced windows as frameworks take them, one number per spatial axis."""

    size: Numbers
    stride: Numbers
    dilation: Numbers
    before: Numbers
    after: Numbers
    out: Numbers
    overhang: Numbers
    """Cells that the last window reaches past the input and its padding."""

    @property
    def padded(self) -> bool:
        return any(self.before) or any(self.after)

    @property
    def symmetric(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Layer:
    """One pooling of a chain, in the words that frameworks have."""

    op: str
    geometry: Geometry
    windows: tuple[Windows, ...]
    params: dict[str, Any]
    keepdims: bool
    count_include_pad: bool
    divisor: float | None
    name: str
    framework: str

    @property
    def axes(self) -> int:
        return len(self.windows)

    @property
    def whole(self) -> bool:
        """Whether it is global pooling."""
        return isinstance(self.geometry, Global)

    @property
    def ceil_mode(self) -> bool:
        return isinstance(self.geometry, Sliding) and self.geometry.ceil_mode

    @property
    def steps(self) -> Steps | None:
        """The windows by numbers; None where they are not evenly spaced or not of one size."""
        if not all(isinstance(w.starts, range) and isinstance(w.sizes, int) for w in self.windows):
            return None
        ends = [w.end(w.out - 1) - w.n - w.pad_after for w in self.windows]
        return Steps(
            size=tuple(w.largest for w in self.windows),
            stride=tuple(w.starts.step for w in self.windows if isinstance(w.starts, range)),
            dilation=tuple(w.dilation for w in self.windows),
            before=tuple(w.pad_before for w in self.windows),
            after=tuple(w.pad_after for w in self.windows),
            out=tuple(w.out for w in self.windows),
            overhang=tuple(max(0, end) for end in ends),
        )

    def refusal(self, why: str) -> UsageError:
        """The error that says that the framework has no such layer."""
        return UsageError(f"{self.name}: {self.framework} has no such layer: {why}")


@dataclass(frozen=True)
class Sequential:
    """Layers one after another, and the input that they are for; ``text`` is the chain."""

    layers: Iterable[Layer]
    text: str
    input_shape: tuple[int, ...]
    layout: str

    def heading(self, takes: str) -> str:
        """A comment that says what the code was written for; ``takes`` is :meth:`batch_shape`."""
        shape = show_shape(self.input_shape)
        return f"# {self.text}\n# for {shape} {self.layout}; takes {takes}"

    def batch_shape(self, order: str) -> str:
        """The shape of the input in the framework's order, with N where the input has no batch.

        >>> Sequential((), "max 2", (224, 224, 64), "HWC").batch_shape("NCDHW")
        'Nx64x224x224'
        """
        sizes = dict(zip(self.layout, map(str, self.input_shape), strict=True))
        there = [letter for letter in order if letter in sizes or letter in "NC"]
        return "x".join(sizes.get(letter, "N" if letter == "N" else "1") for letter in there)


def call(name: str, *positional: object, **named: object) -> str:
    """The source of a call; named arguments that are None are left out.

    >>> call("nn.MaxPool2d", 3, stride=2, padding=None)
    'nn.MaxPool2d(3, stride=2)'
    """
    words = [repr(value) for value in positional]
    words += [f"{key}={value!r}" for key, value in named.items() if value is not None]
    return f"{name}({', '.join(words)})".replace("'", '"')


def short(numbers: Sequence[int]) -> int | Numbers:
    """One number where all are the same.

    >>> short((3, 3)), short((3, 2))
    (3, (3, 2))
    """
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def short_unless(default: Sequence[int], numbers: Sequence[int]) -> int | Numbers | None:
    """``numbers`` for an argument, or None where they are its default."""
    return None if tuple(numbers) == tuple(default) else short(numbers)
