"""A chain as a table, a row a stage: what comes out, what it saw and how much is left."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from poolcli.analysis.network import LayerPlan, Network, Planned
from poolcli.analysis.receptive_field import jump, reach, receptive_field
from poolcli.chains import Chain
from poolcli.families import family_of
from poolcli.frameworks.defaults import find_preset
from poolcli.layout import Layout, find_layout, show_shape
from poolcli.windows import Windows


@dataclass(frozen=True)
class Row:
    """One stage, or before all of them the input.

    ``field`` and ``jump`` stand per spatial axis of the input; a jump is None where one value is
    left. ``dropped`` counts cells of what goes into the stage, by axis name. ``kept`` is the number
    of values that come out, as a share of the values of the input. ``weights`` are those that the
    stage learns, ``multiply_adds`` how often one is multiplied and added for the whole input.
    """

    stage: str
    shape: tuple[int, ...]
    layout: str
    field: tuple[int, ...]
    jump: tuple[Fraction | None, ...]
    dropped: Mapping[str, int]
    kept: Fraction
    warnings: tuple[str, ...] = ()
    weights: int = 0
    multiply_adds: int = 0


def rows(
    chain: Chain | Network,
    shape: tuple[int, ...],
    layout: str | None = None,
    dtype: Any = np.float32,
) -> Iterator[Row]:
    """Give the rows one by one, as far as the chain can be planned for arrays of this shape.

    Raises UsageError or InputError that names the stage that cannot be.
    """
    like = chain.like
    known = layout if chain.layout is None else chain.layout
    axes = find_layout(known, shape, find_preset(like).layouts)
    first = Row("input", shape, axes.letters, *_one_each(axes), {}, Fraction(1))
    yield first
    trails = [AxisHistory(shape[axis]) for axis in axes.spatial]
    cells = max(1, math.prod(shape))
    before = first
    for staged in chain.plans(shape, np.dtype(dtype), axes.letters):
        joined, plan = trails[0].joined, staged.plan
        _follow(trails, plan)
        kept = Fraction(math.prod(plan.output_shape), cells)
        before = Row(
            staged.stage.text,
            plan.output_shape,
            plan.output_layout,
            tuple(trail.field for trail in trails),
            tuple(trail.jump for trail in trails),
            plan.dropped,
            kept,
            tuple(warnings(plan, before.kept, kept, joined=joined)),
            staged.weights,
            staged.multiply_adds,
        )
        yield before


def _one_each(axes: Layout) -> tuple[tuple[int, ...], tuple[Fraction, ...]]:
    return (1,) * len(axes.spatial), (Fraction(1),) * len(axes.spatial)


class AxisHistory:
    """The windows of one axis of the input, stage by stage, as far as it can be followed."""

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.everything = cells
        self.stages: list[Windows] = []
        self.field = 1
        self.jump: Fraction | None = Fraction(1)
        self.joined = False

    def go_on(self, windows: Windows) -> None:
        """Follow the axis through one more stage."""
        self.stages.append(windows)
        self.field, self.jump = receptive_field(self.stages), jump(self.stages)

    def flatten(self) -> None:
        """Follow the axis to where values lose their places, and no further.

        What each of them depends on stays; from there on a value may depend on all of it.
        """
        if self.joined:
            return
        self.jump, self.joined = None, True
        last = self.stages[-1].out - 1 if self.stages else 0
        ends = (reach(self.stages, 0)[0], reach(self.stages, last)[1])
        self.everything = ends[1] - ends[0] + 1 if self.stages else self.cells

    def join(self, levels: list[Windows]) -> None:
        """Follow the axis to where levels of a pyramid are joined, and no further.

        From there on a value may depend on all that the values together depend on.
        """
        self.field = max(receptive_field([*self.stages, level]) for level in levels)
        self.jump, self.joined = None, True
        ends = [reach([*self.stages, level], level.out - 1)[1] for level in levels]
        starts = [reach([*self.stages, level], 0)[0] for level in levels]
        self.everything = max(ends) - min(starts) + 1


def _follow(trails: list[AxisHistory], plan: Planned) -> None:
    for axis, trail in enumerate(trails):
        if isinstance(plan, LayerPlan) and not plan.windows:
            trail.flatten()
            if plan.mixes:
                trail.field = trail.everything
        elif isinstance(plan, LayerPlan):
            trail.go_on(plan.windows[axis])
        elif trail.joined:
            trail.field = trail.everything
        elif plan.single is None:
            trail.join([level.windows[axis] for level in plan.parts])
        else:
            trail.go_on(plan.single.windows[axis])


LITTLE = Fraction(1, 100)
LARGE = Fraction(1, 2)
FEW = 2


def warnings(
    plan: Planned, kept_before: Fraction, kept: Fraction, *, joined: bool
) -> Iterator[str]:
    """Say what looks like a mistake in one stage, in a sentence each.

    Only poolings with sliding windows are judged: global, adaptive and pyramid pooling reduce on
    purpose.
    ``joined`` says that a pyramid's levels lie side by side in what goes in.
    """
    if isinstance(plan, LayerPlan) or not family_of(plan.request.geometry).slides:
        return
    (first,) = plan.parts
    if all(w.n == 1 for w in first.windows):
        yield "one value per channel goes in, so there is no position left to pool"
        return
    if joined:
        yield "its windows reach across the levels of the pyramid, which lie side by side"
    yield from _too_large(first.windows)
    left = tuple(w.out for w in first.windows)
    if all(n <= FEW for n in left) and any(w.n > FEW for w in first.windows):
        yield f"only {show_shape(left)} is left of the map: hardly a position to tell apart"
    if kept < LITTLE <= kept_before:
        yield f"only {percent(kept)} of the input's values are left; fewer stages keep more"


def percent(share: Fraction) -> str:
    """A share as people write it.

    >>> percent(Fraction(1, 4)), percent(Fraction(1, 1024))
    ('25%', '0.0977%')
    """
    return f"{float(share * 100):.3g}%" if share <= 10 else f"{float(share):.3g}x"


def _too_large(windows: tuple[Windows, ...]) -> Iterator[str]:
    covered = {w.axis: (min((w.largest - 1) * w.dilation + 1, w.n), w.n) for w in windows}
    for cells, n in dict.fromkeys(covered.values()):
        axes = " and ".join(axis for axis, pair in covered.items() if pair == (cells, n))
        if cells == n > 1:
            yield f"{axes}: the window covers all {n} cells; if it is meant, use global"
        elif Fraction(cells, n) > LARGE and n > 1:
            yield f"{axes}: the window covers {cells} of {n} cells, too many to keep detail"
