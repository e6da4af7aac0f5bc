"""Which axes of an array are pooled, where they are named or numbered rather than told by a layout.

Pooling itself knows up to three spatial axes, a batch and channels. An array of any rank is seen
as one of these: runs of axes that are not pooled are taken for one axis each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.checks import shown, whole
from poolcli.errors import InputError, UsageError
from poolcli.frameworks.defaults import find_preset
from poolcli.geometry import padding_word
from poolcli.layout import AXIS_NAMES, find_layout, show_shape

Axis = int | str
PerAxis = int | Sequence[int] | Mapping[Any, int]

# What an axis gets that is not named: its cells stay as they are.
_LEFT_ALONE: Mapping[str, int | None] = {
    "size": 1,
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "output size": None,
}
_SPATIAL = ("", "W", "HW", "DHW")


@dataclass(frozen=True)
class View:
    """An array with its axes in another order, and runs of them as one."""

    shape: tuple[int, ...]
    """Of the array."""
    order: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...]
    """The axes of the array that each axis of the view stands for, in its order."""
    layout: str

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """The array as pooling knows it; a copy where memory has the axes otherwise."""
        return x.transpose(self.order).reshape(self.lengths)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The shape of the view."""
        return tuple(math.prod(self.shape[axis] for axis in group) for group in self.groups)

    def back(self, pooled: NDArray[Any]) -> NDArray[Any]:
        """Results, which have all axes of the view, with the axes of the array."""
        lengths: list[int] = []
        for group, n, letter in zip(self.groups, pooled.shape, self.layout, strict=True):
            lengths += [n] if letter in "DHW" else [self.shape[axis] for axis in group]
        places = [self.order.index(axis) for axis in range(len(self.order))]
        return pooled.reshape(lengths).transpose(places)


def view_of(shape: tuple[int, ...], pooled: Sequence[int]) -> View:
    """The view of an array in which the axes ``pooled``, in ascending order, are spatial.

    >>> view_of((2, 3, 8, 8, 5), (2, 3)).layout
    'NHWC'
    """
    if len(pooled) > 3:
        raise InputError(
            f"{len(pooled)} axes of {show_shape(shape)} are to be pooled; three at once can be, so "
            "pool some of them first"
        )
    runs = _runs(len(shape), pooled)
    if sum(len(run) > 0 and run[0] not in pooled for run in runs) > 2:
        others = tuple(axis for axis in range(len(shape)) if axis not in pooled)
        runs = [others, *((axis,) for axis in pooled)]
    spatial, others_letters = iter(_SPATIAL[len(pooled)]), iter("NC")
    letters = "".join(next(spatial if run[0] in pooled else others_letters) for run in runs)
    return View(shape, tuple(axis for run in runs for axis in run), tuple(runs), letters)


def _runs(rank: int, pooled: Sequence[int]) -> list[tuple[int, ...]]:
    """The pooled axes singly, and between them the others that stand side by side."""
    runs: list[tuple[int, ...]] = []
    for axis in range(rank):
        if runs and axis not in pooled and runs[-1][0] not in pooled:
            runs[-1] = (*runs[-1], axis)
        else:
            runs.append((axis,))
    return runs


@dataclass(frozen=True)
class PooledAxes:
    """Which axes are pooled: as said, or by the layout alone where nothing was said."""

    said: tuple[Axis, ...] = ()
    """As they were named, in that order."""
    places: tuple[int, ...] = ()
    """Their positions in the array, in the same order."""
    along: tuple[int, ...] = ()
    """The axes that numbers are wanted for, in ascending order: these, and others of the plane."""
    layout: str | None = None
    view: View | None = None
    """How the array is seen, where its own axes will not do."""

    def each(self, what: str, value: Any) -> Any:
        """The numbers of the axes ``along``; left as they are where the layout says which."""
        if isinstance(value, str):
            return padding_word(value) if what == "padding" else value
        if not self.said:
            if isinstance(value, Mapping):
                raise UsageError(f"{what} {shown(value)}: only beside a size by axis, or axes")
            return _tuple(value)
        if value is None:
            return None
        return tuple(self._of(what, value, axis) for axis in self.along)

    def _of(self, what: str, value: Any, axis: int) -> Any:
        if axis not in self.places:
            return _LEFT_ALONE[what]
        number = self.places.index(axis)
        if isinstance(value, Mapping):
            return _tuple(self._looked_up(what, value, number))
        values = _tuple(value)
        if not isinstance(values, tuple):
            return values
        if len(values) == 1:
            return _tuple(values[0])
        if len(values) != len(self.places):
            raise InputError(
                f"{what} has {len(values)} numbers for {len(self.places)} axes: "
                f"{', '.join(map(str, self.said))}"
            )
        return _tuple(values[number])

    def _looked_up(self, what: str, value: Mapping[Any, Any], number: int) -> Any:
        strange = [key for key in value if key not in self.said]
        if strange:
            raise UsageError(
                f"{what} {shown(strange[0])}: that axis is not pooled; {what} is for "
                f"{', '.join(map(str, self.said))}"
            )
        name = self.said[number]
        if name not in value and what == "stride":
            raise UsageError(f"stride: none is given for axis {name}, and one is for another")
        return value.get(name, _LEFT_ALONE[what])


BY_LAYOUT = PooledAxes()


def find_axes(
    shape: Sequence[int],
    sizes: Any,
    *,
    axes: Axis | Sequence[Axis] | None = None,
    layout: str | None = None,
    like: str | None = None,
    names: Sequence[Any] = (),
) -> PooledAxes:
    """Which axes of an array of ``shape`` are pooled: ``axes``, or those that ``sizes`` names.

    Axes are positions, letters of the layout or, where the array has them, ``names``.

    >>> find_axes((2, 3, 8, 8), {"H": 2}, layout="NCHW").each("size", {"H": 2})
    (2, 1)
    """
    if axes is None and not isinstance(sizes, Mapping):
        return BY_LAYOUT
    if axes is None:
        said = tuple(sizes)
    else:
        said = tuple(axes) if isinstance(axes, Sequence) and axes not in names else (axes,)
        if isinstance(axes, str) and axes not in names:
            said = tuple(axes)  # letters, as in a layout
    if not said:
        raise UsageError("axes: none is named, so that nothing would be pooled")
    letters = None
    if any(isinstance(axis, str) and axis not in names for axis in said):
        if names and layout is None:
            strange = next(axis for axis in said if axis not in names)
            raise UsageError(f"axis {shown(strange)}: the array has {', '.join(map(str, names))}")
        letters = find_layout(layout, shape, find_preset(like).layouts)
    places = tuple(
        _place(axis, names, letters.letters if letters else None, len(shape)) for axis in said
    )
    if len(set(places)) != len(places):
        raise UsageError(f"axes {shown(said)}: one is named twice")
    if letters is not None and set(places) <= set(letters.spatial):
        return PooledAxes(said, places, letters.spatial, letters.letters)
    along = tuple(sorted(places))
    view = view_of(tuple(shape), along)
    return PooledAxes(said, places, along, view.layout, view)


def _place(axis: Any, names: Sequence[Any], letters: str | None, rank: int) -> int:
    """The position of an axis in the array."""
    if axis in names:
        return list(names).index(axis)
    if isinstance(axis, str):
        letter = axis.upper()
        if letters is None or letter not in letters or len(letter) != 1:
            known = ", ".join(f"{letter} ({AXIS_NAMES[letter]})" for letter in letters or "")
            raise UsageError(f"axis {shown(axis)}: the array has {known}")
        return letters.index(letter)
    place = whole("axis", axis)
    if not -rank <= place < rank:
        raise UsageError(f"axis {place}: the array has {rank} axes")
    return place % rank


def _tuple(value: Any) -> Any:
    """A sequence as a tuple, anything else as it is: the geometry checks it."""
    if isinstance(value, np.ndarray):
        return tuple(value.tolist()) if value.ndim else value.item()
    # Of a text the characters would be taken, which is never what is meant.
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return tuple(value)
    return value
