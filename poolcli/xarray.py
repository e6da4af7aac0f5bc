"""Pooling of xarray's arrays and datasets by the names of their dimensions.

``import poolcli.xarray`` gives every DataArray and Dataset a ``pool``:

    ds.pool.max(lat=2, lon=2)
    ds.pool.avg({"time": 24}, stride={"time": 12}, nan="skip")
    da.pool.adaptive("median", lat=90, lon=180)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
import xarray

import poolcli
from poolcli.errors import InputError, UsageError
from poolcli.ops import OPS, find_op


class Pooling:
    """What ``x.pool`` is: a function for each op, whose keywords are dimensions and options.

    A dimension that is called as an option is named in the dict that may stand first.
    """

    def __init__(self, x: Any) -> None:
        self._x = x

    def __call__(
        self, op: str, sizes: Mapping[Hashable, int] | None = None, /, **options: Any
    ) -> Any:
        """Pool with sliding windows; see :func:`poolcli.pool`."""
        return self._each(poolcli.pool, op, sizes, options)

    def adaptive(
        self, op: str, sizes: Mapping[Hashable, int] | None = None, /, **options: Any
    ) -> Any:
        """Pool dimensions to so many cells; see :func:`poolcli.adaptive_pool`."""
        return self._each(poolcli.adaptive_pool, op, sizes, options)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Pool by the op of that name: ``x.pool.max(lat=2)``."""
        try:
            op = find_op(name).name
        except UsageError as error:
            raise AttributeError(str(error)) from None

        def pooled(sizes: Mapping[Hashable, int] | None = None, /, **options: Any) -> Any:
            return self(op, sizes, **options)

        pooled.__doc__ = f"Pool to {OPS[op].summary} of each window: dimensions and their sizes."
        return pooled

    def __dir__(self) -> list[str]:
        """The ops, and what other windows there are."""
        return [*super().__dir__(), *OPS]

    def _each(
        self,
        function: Callable[..., Any],
        op: str,
        sizes: Mapping[Hashable, int] | None,
        options: dict[str, Any],
    ) -> Any:
        """Pool the array, or each variable of the dataset along those dimensions that it has."""
        known = inspect.signature(function).parameters
        named = [key for key in options if key in self._x.dims and key not in known]
        wanted = dict(sizes or {}) | {key: options.pop(key) for key in named}
        for key in wanted:
            if key not in self._x.dims:
                there = ", ".join(map(str, self._x.dims))
                raise UsageError(f"dimension {key!r}: there are {there}")
        if not wanted:
            there = ", ".join(map(str, self._x.dims))
            raise UsageError(f"no dimension is given to pool along; there are {there}")
        if isinstance(self._x, xarray.DataArray):
            return function(self._x, op, wanted, **options)
        return self._dataset(function, op, wanted, options)

    def _dataset(
        self,
        function: Callable[..., Any],
        op: str,
        wanted: dict[Hashable, int],
        options: dict[str, Any],
    ) -> Any:
        def pooled(x: Any, by: str) -> Any:
            some = {dim: size for dim, size in wanted.items() if dim in x.dims}
            return function(x, by, some, **_within(options, some)) if some else x

        made: dict[Hashable, Any] = {}
        for name, variable in self._x.data_vars.items():
            if variable.dtype.kind not in "biuf" and set(variable.dims) & set(wanted):
                raise InputError(
                    f"variable {name!r} is of {variable.dtype}, which cannot be pooled; leave it "
                    f"out with x.drop_vars({name!r})"
                )
            made[name] = pooled(variable, op)
        result = xarray.Dataset(made, attrs=self._x.attrs)
        for name, coord in self._x.coords.items():
            if name not in result.coords:  # no variable has it
                nothing = np.broadcast_to(np.zeros((), "u1"), coord.shape)
                alone = xarray.DataArray(nothing, dims=coord.dims, coords={name: coord})
                result = result.assign_coords({name: pooled(alone, "max").coords[name]})
        return result


def _within(options: dict[str, Any], dims: Mapping[Hashable, int]) -> dict[str, Any]:
    """The options for a variable that has only some of the dimensions."""
    return {
        name: {dim: n for dim, n in value.items() if dim in dims}
        if isinstance(value, Mapping)
        else value
        for name, value in options.items()
    }


xarray.register_dataarray_accessor("pool")(Pooling)
xarray.register_dataset_accessor("pool")(Pooling)
