"""What Python code asks of one array: a request, the axes it is about, and whether for indices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.axes import PooledAxes
from poolcli.checks import shown
from poolcli.engine.arrays import refuse_out
from poolcli.errors import InputError, UsageError
from poolcli.layout import show_shape
from poolcli.plan import Plan
from poolcli.request import Request
from poolcli.windows import Windows

Results = Any
"""An array, or a pair of it and its indices."""


@dataclass(frozen=True)
class Asked:
    """A request of one array, whatever library it is of."""

    request: Request
    where: PooledAxes
    with_indices: bool

    def __post_init__(self) -> None:
        if self.where.view is not None and self.request.index not in (None, "plane"):
            raise UsageError(
                f"index {self.request.index!r}: beside axes positions count the cells of the "
                "axes that are pooled, 'plane'"
            )

    def plan(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Plan:
        """The plan for an array that is seen with that shape; of a view it keeps all axes."""
        request = self.request
        if self.where.view is not None:
            beside = {name: self._seen(name) for name in ("mask", "weights")}
            request = replace(request, index="plane", keepdims=True, **beside)
        return request.plan_alone(shape, dtype)

    def _seen(self, what: str) -> Any:
        """The mask or the weights as the array is seen; they may have the pooled axes alone."""
        values, view = getattr(self.request, what), self.where.view
        if values is None or view is None:
            return values
        along = self.where.along
        if values.ndim == len(along) < len(view.shape):
            lengths = iter(values.shape)
            values = values.reshape(
                [next(lengths) if i in along else 1 for i in range(len(view.shape))]
            )
        try:
            return np.asarray(view.of(np.broadcast_to(values, view.shape)))
        except ValueError:
            raise InputError(
                f"the {what} {'have' if what.endswith('s') else 'has'} the shape "
                f"{show_shape(values.shape)}, x {show_shape(view.shape)}"
            ) from None

    def seen(self, x: Any) -> Any:
        """The array as pooling knows it."""
        return x if self.where.view is None else self.where.view.of(x)

    def back(self, pooled: Any) -> Any:
        """Results with the axes of the array that was given."""
        view = self.where.view
        if view is None:
            return pooled
        whole = view.back(pooled)
        return whole if self.request.keepdims else whole.squeeze(self.where.along)

    def on(self, array: NDArray[Any], out: NDArray[Any] | None = None) -> Results:
        """Pool an array of NumPy."""
        seen = self.seen(array)
        plan = self.plan(seen.shape, seen.dtype)
        indices = plan.winners(seen) if self.with_indices else None  # first: not every op has them
        if self.where.view is None or out is None:
            result = self.back(plan.run(seen, out))
        else:
            result = self.back(plan.run(seen))
            refuse_out(out, result.shape, result.dtype, array)
            out[...] = result
            result = out
        return result if indices is None else (result, self.back(indices))

    def windows(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> dict[int, Windows]:
        """The windows along each pooled axis of an array of that shape."""
        plan = self.plan(self._seen_shape(shape), dtype)
        return dict(zip(self._spatial(plan.layout), plan.windows, strict=True))

    def output_shape(
        self, shape: tuple[int, ...], told: Sequence[int | None]
    ) -> tuple[int | None, ...]:
        """The shape of the result, in which lengths that are None in ``told`` stay None."""
        plan = self.request.plan(self._seen_shape(shape), np.dtype(np.float32))
        pooled = self._spatial(plan.layout)
        for axis in pooled:
            if told[axis] is None:
                raise UsageError(
                    f"shape {shown(tuple(told))}: axis {axis} is pooled; say its length"
                )
        if self.where.view is None:
            others = iter(n for axis, n in enumerate(told) if axis not in pooled)
            return tuple(
                n if letter in "DHW" else next(others)
                for letter, n in zip(plan.output_layout, plan.output_shape, strict=True)
            )
        windows, keeps = self.windows(shape, plan.input_dtype), self.request.keepdims
        return tuple(
            windows[axis].out if axis in windows else n
            for axis, n in enumerate(told)
            if keeps or axis not in windows
        )

    def _seen_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape if self.where.view is None else self.where.view.lengths

    def _spatial(self, layout: str) -> list[int]:
        """The axes of the array that the spatial letters of a plan's layout stand for."""
        view = self.where.view
        seen = [i for i, letter in enumerate(layout) if letter in "DHW"]
        return seen if view is None else [view.groups[i][0] for i in seen]


def each(results: Results, make: Callable[[NDArray[Any]], Any]) -> Results:
    """The array, or it and its indices, as ``make`` makes them."""
    return tuple(map(make, results)) if isinstance(results, tuple) else make(results)
