"""Arrays of xarray: axes by their names; names, attributes and coordinates go on.

Coordinates along pooled axes are those of ``DataArray.coarsen``: the mean over each window, by
whatever op it is pooled.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.axes import view_of
from poolcli.errors import InputError
from poolcli.geometry import Placement
from poolcli.interop.asked import Asked, Results
from poolcli.interop.doors import Door, door_of
from poolcli.operation import OperationPlan
from poolcli.request import Request
from poolcli.windows import Windows


@dataclass(frozen=True)
class Given(Placement):
    """Windows that have been placed already."""

    windows: tuple[Windows, ...]

    def resolve(self, names: Sequence[str], cells: Sequence[int]) -> tuple[Windows, ...]:
        """These windows."""
        return self.windows


class XarrayDoor(Door):
    """What stands in an array is pooled by the door of its own library: NumPy, dask and others."""

    def names(self, x: Any) -> Sequence[Hashable]:
        """The dimensions. Raises InputError for a dataset."""
        if not hasattr(x, "dims") or not hasattr(x, "dtype"):
            raise InputError(
                f"x is a {type(x).__name__}; hand over one of its arrays, or "
                "`import poolcli.xarray` and say x.pool.max(lat=2)"
            )
        dims: Sequence[Hashable] = x.dims
        return dims

    def pool(self, x: Any, asked: Asked) -> Results:
        """DataArrays of the results."""
        windows = asked.windows(x.shape, x.dtype)
        along = {x.dims[axis]: w for axis, w in windows.items()}
        keeps = asked.request.keepdims
        dims = [dim for dim in x.dims if keeps or dim not in along]
        coords = {
            name: _coordinate(name, coord, along)
            for name, coord in x.coords.items()
            if keeps or not any(dim in along for dim in coord.dims)
        }
        door = door_of(x.data)
        results = asked.on(x.data) if door is None else door.pool(x.data, asked)

        def wrapped(values: Any) -> Any:
            return type(x)(values, coords=coords, dims=dims, name=x.name, attrs=x.attrs)

        return tuple(map(wrapped, results)) if isinstance(results, tuple) else wrapped(results)

    def apply(self, x: Any, plan: Callable[..., OperationPlan]) -> Any:
        """The results alone, as the library of what stands in the array has them."""
        self.names(x)
        door = door_of(x.data)
        if door is None:
            return plan(x.shape, x.dtype).run(x.data)
        return door.apply(x.data, plan)


def _coordinate(name: Hashable, coord: Any, along: Mapping[Hashable, Windows]) -> Any:
    """A coordinate of the result: dimensions, values and attributes."""
    pooled = [axis for axis, dim in enumerate(coord.dims) if dim in along]
    if not pooled:
        return coord.variable
    windows = tuple(along[coord.dims[axis]] for axis in pooled)
    values = np.asarray(coord.values)
    if values.dtype.kind in "mM":
        if len(pooled) != 1:
            raise InputError(f"coordinate {name!r}: times of several pooled axes have no mean here")
        means = _mean_times(np.moveaxis(values, pooled[0], -1), windows[0])
        return coord.dims, np.moveaxis(means, -1, pooled[0]), coord.attrs
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"coordinate {name!r} is of {values.dtype}, which has no mean; leave it out with "
            f"x.drop_vars({name!r})"
        )
    return coord.dims, _means(values, pooled, windows), coord.attrs


def _means(
    values: NDArray[Any], pooled: Sequence[int], windows: tuple[Windows, ...]
) -> NDArray[Any]:
    view = view_of(values.shape, pooled)
    request = Request("avg", Given(windows), layout=view.layout, nan="skip")
    seen = view.of(values)
    return view.back(request.plan_alone(seen.shape, seen.dtype).run(seen))


def _mean_times(times: NDArray[Any], w: Windows) -> NDArray[Any]:
    """The mean of each window along the last axis, to the unit; a double has too few digits."""
    cells = [w.cells(i) for i in range(w.out)]
    means = np.empty((*times.shape[:-1], w.out), times.dtype)
    for i, some in enumerate(cells):
        taken = times[..., some]
        there = ~np.isnat(taken)
        first = np.fmin.reduce(taken, axis=-1, keepdims=True)
        passed = np.where(there, taken - first, first - first)
        count = np.maximum(there.sum(axis=-1), 1)
        means[..., i] = first[..., 0] + passed.sum(axis=-1) // count
    return means


DOOR = XarrayDoor()
