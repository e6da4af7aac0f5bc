"""Networks: poolings among layers that have weights, of which shapes and costs are known.

    layer = conv SIZE[/STRIDE] xFILTERS { pPADDING | dDILATION | groups=N | bias }
          | flatten
          | dense UNITS { bias }

A convolution has a filter of SIZE for each of xFILTERS output channels, over all input channels or,
with groups, over those of its group; without a stride it steps by 1. Every weight is multiplied and
added once at each place of the output, a bias, too. That is how torchinfo counts; the weights are
those of the summaries of Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from poolcli.chain_syntax import (
    WITH_WEIGHTS,
    Values,
    read_stage,
    read_values,
    split_stages,
    stage_name,
)
from poolcli.chains import Stage, StagePlan, naming
from poolcli.errors import InputError, UsageError
from poolcli.families import SLIDING, WindowParam
from poolcli.geometry import Sliding
from poolcli.joined import JoinedPlan
from poolcli.layout import Layout, show_shape
from poolcli.notation import parse_counts, parse_truth
from poolcli.plan import Plan
from poolcli.windows import Windows


@dataclass(frozen=True)
class LayerPlan:
    """What one layer makes of arrays of one shape.

    ``windows`` are those of a convolution, one for each spatial axis; other layers have none.
    ``mixes`` says that each output depends on all inputs.
    """

    stage: LayerStage
    input_shape: tuple[int, ...]
    layout: str
    output_shape: tuple[int, ...]
    output_layout: str
    output_dtype: np.dtype[Any]
    windows: tuple[Windows, ...] = ()
    weights: int = 0
    multiply_adds: int = 0
    mixes: bool = False

    @property
    def plan(self) -> LayerPlan:
        """What it does: there is no more to it than this."""
        return self

    @property
    def dropped(self) -> dict[str, int]:
        """Cells that no window covers, by axis name, where there are any."""
        return {w.axis: w.dropped for w in self.windows if w.dropped}


@dataclass(frozen=True)
class LayerStage:
    """One layer: ``text`` as it was written, ``number`` counted from 1."""

    number: int
    text: str
    layer: Conv | Dense | Flatten

    @property
    def name(self) -> str:
        """What messages call it: ``stage 1 "conv 3 x64"``."""
        return stage_name(self.number, self.text)

    @property
    def keeps_axes(self) -> bool:
        """Whether there are spatial axes left for a stage after it."""
        return self.layer.slides

    def plan(self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str) -> LayerPlan:
        """What this layer does to an array; errors say which stage is meant."""
        with naming(self.name):
            return self.layer.plan(self, shape, dtype, layout)


@dataclass(frozen=True)
class Conv:
    """A convolution with filters of one size at even steps."""

    windows: Sliding
    filters: int
    groups: int = 1
    bias: bool = False
    slides = True

    def plan(
        self, stage: LayerStage, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str
    ) -> LayerPlan:
        """What comes out, with as many channels as there are filters."""
        axes = Layout(layout)
        sizes = dict(zip(layout, shape, strict=True))
        channels = sizes.get("C", 1)
        for what, count in (("channels", channels), ("filters", self.filters)):
            if count % self.groups:
                raise InputError(f"{count} {what} cannot be shared out to {self.groups} groups")
        windows = self.windows.resolve(
            axes.spatial_names, [sizes[letter] for letter in axes.spatial_letters]
        )
        letters = layout if "C" in layout else f"{layout}C"
        sizes["C"] = self.filters
        sizes |= {letter: w.out for letter, w in zip(axes.spatial_letters, windows, strict=True)}
        cells = math.prod(w.largest for w in windows)
        weights = self.filters * (cells * channels // self.groups + self.bias)
        places = math.prod(w.out for w in windows) * sizes.get("N", 1)
        return LayerPlan(
            stage,
            shape,
            layout,
            tuple(sizes[letter] for letter in letters),
            letters,
            dtype,
            windows,
            weights,
            weights * places,
        )


@dataclass(frozen=True)
class Flatten:
    """All values of an array side by side, where its channels were."""

    slides = False

    def plan(
        self, stage: LayerStage, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str
    ) -> LayerPlan:
        """What comes out: one axis, beside that of the batch if there is one."""
        sizes = dict(zip(layout, shape, strict=True))
        batch = [sizes.pop("N")] if "N" in sizes else []
        out = (*batch, math.prod(sizes.values()))
        return LayerPlan(stage, shape, layout, out, "NC"[-len(out) :], dtype)


@dataclass(frozen=True)
class Dense:
    """Units of which each weighs all values."""

    units: int
    bias: bool = False
    slides = False

    def plan(
        self, stage: LayerStage, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str
    ) -> LayerPlan:
        """What comes out: one value for each unit."""
        if not set(layout) <= set("NC"):
            raise InputError(
                f"{show_shape(shape)} {layout} has positions; write flatten or global avg before it"
            )
        sizes = dict(zip(layout, shape, strict=True))
        weights = self.units * (sizes.get("C", 1) + self.bias)
        out = tuple({**sizes, "C": self.units}[letter] for letter in layout)
        adds = weights * sizes.get("N", 1)
        return LayerPlan(stage, shape, layout, out, layout, dtype, (), weights, adds, mixes=True)


@dataclass(frozen=True)
class Network:
    """Stages as asked for, before any array is seen; see :class:`poolcli.chains.Chain`.

    Raises UsageError where a stage leaves no spatial axes to the one after it.
    """

    stages: tuple[Stage | LayerStage, ...]
    layout: str | None = None
    like: str | None = None

    def __post_init__(self) -> None:
        for before, stage in zip(self.stages, self.stages[1:], strict=False):
            slides = stage.layer.slides if isinstance(stage, LayerStage) else True
            if slides and not before.keeps_axes:
                raise UsageError(f"{stage.name}: {before.name} leaves no positions to slide over")

    def plans(
        self, shape: tuple[int, ...], dtype: np.dtype[Any], layout: str
    ) -> Iterator[StagePlan | LayerPlan]:
        """Give the stages' plans one by one, as far as the network can be planned."""
        for stage in self.stages:
            staged = stage.plan(shape, dtype, layout)
            yield staged
            plan = staged.plan
            shape, dtype, layout = plan.output_shape, plan.output_dtype, plan.output_layout


Planned = Plan | JoinedPlan | LayerPlan
"""What one stage of a network does."""


def parse_network(text: str, *, layout: str | None = None, like: str | None = None) -> Network:
    """Read a network; poolings are written as in :func:`poolcli.chain_syntax.parse_chain`.

    Raises UsageError that quotes the stage and the word.

    >>> [stage.text for stage in parse_network("conv 3 x8|global avg | dense 10").stages]
    ['conv 3 x8', 'global avg', 'dense 10']
    """
    stages = [
        _read_layer(number, part)
        if part.split()[0] in WITH_WEIGHTS
        else read_stage(number, part, {"like": like})
        for number, part in enumerate(split_stages(text), 1)
    ]
    return Network(tuple(stages), layout, like)


def _read_layer(number: int, text: str) -> LayerStage:
    with naming(stage_name(number, text)):
        kind, *words = text.split()
        row = LAYERS[kind]
        missing = f"{row.leading_help} must follow {kind}"
        return LayerStage(
            number, text, row.make(read_values(words, row.leading, row.others, missing=missing))
        )


def _conv(values: Values) -> Conv:
    if "filters" not in values:
        raise UsageError("how many filters it has must be said, such as x64")
    windows = Sliding(
        values["size"], values.get("stride", 1), values.get("padding", 0), values.get("dilation", 1)
    )
    return Conv(windows, values["filters"], values.get("groups", 1), values.get("bias", False))


def _one_count(text: str, what: str) -> int:
    count = parse_counts(text, what)
    if not isinstance(count, int):
        raise UsageError(f"{what} {text}: one number is meant")
    return count


class _LayerKind(NamedTuple):
    """How a layer is written: what stands at once after its name, and what may follow."""

    make: Callable[[Values], Conv | Dense | Flatten]
    leading: tuple[WindowParam, ...] = ()
    leading_help: str = ""
    others: tuple[WindowParam, ...] = ()


_SLIDING = {param.name: param for param in SLIDING.params}
_BIAS = WindowParam("bias", parse_truth, "Whether a number is added.", word="bias")
LAYERS: Mapping[str, _LayerKind] = {
    "conv": _LayerKind(
        _conv,
        (_SLIDING["size"], _SLIDING["stride"]),
        "a size (3, 7/2 with a stride)",
        (
            _SLIDING["padding"],
            _SLIDING["dilation"],
            WindowParam("filters", _one_count, "How many there are.", letter="x"),
            WindowParam("groups", _one_count, "Channels are shared out to so many."),
            _BIAS,
        ),
    ),
    "dense": _LayerKind(
        lambda values: Dense(values["units"], values.get("bias", False)),
        (WindowParam("units", _one_count, "How many there are."),),
        "a number of units (1000)",
        (_BIAS,),
    ),
    "flatten": _LayerKind(lambda _values: Flatten()),
}
