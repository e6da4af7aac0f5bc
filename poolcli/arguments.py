"""What Python code hands to the public functions: arrays, numbers per axis, keywords."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.axes import BY_LAYOUT, Axis, PerAxis, PooledAxes, find_axes
from poolcli.checks import flag, listed, whole_number
from poolcli.errors import InputError, UnknownParameter, UsageError
from poolcli.geometry import Fractional, Geometry
from poolcli.interop.asked import Asked
from poolcli.interop.doors import door_of
from poolcli.layout import Layout, show_shape
from poolcli.notation import parse_output_size
from poolcli.operation import OperationPlan
from poolcli.recent import Recent, Unlike, exact_key
from poolcli.request import Request
from poolcli.windows import Fitted

Axes = Axis | Sequence[Axis]
Pooled = NDArray[Any]
WithIndices = tuple[NDArray[Any], NDArray[np.int64]]
P = ParamSpec("P")
R = TypeVar("R")


def public(function: Callable[P, R]) -> Callable[P, R]:
    """A function of the package: of a keyword that it does not have, it says what was meant."""

    @functools.wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UnknownParameter as error:
            error.args = (f"{function.__name__}: {error}{_near(function, error.name)}",)
            raise

    return called


def _near(function: Callable[..., Any], name: str) -> str:
    from difflib import get_close_matches  # late: only mistakes need it

    near = get_close_matches(name, list(inspect.signature(function).parameters), n=1)
    return f"; did you mean {near[0]}?" if near else ""


class Options(NamedTuple):
    """Those of every family, as a request has them."""

    layout: str | None = None
    like: str | None = None
    nan: str = "propagate"
    nodata: float | None = None
    min_valid: float = 0.0
    count_include_pad: bool | None = None
    divisor: float | None = None
    index: str | None = None  # type: ignore[assignment]  # hides what nobody asks of it
    dtype: DTypeLike | None = None
    fit: str = "exact"
    keepdims: bool = True
    threads: int | None = None


_asked: Recent[Request] = Recent(64)


def asked(
    op: str,
    place: Callable[..., Geometry],
    cells: tuple[Any, ...],
    options: Options,
    params: Mapping[str, Any],
    mask: Any = None,
    weights: Any = None,
) -> Request:
    """The request for ``op`` with windows placed by ``place(*cells)``.

    It is the same one for the same values: what it has planned it need not plan again.
    """
    if mask is not None or weights is not None:
        return Request(op, place(*cells), *options, params, mask_of(mask), weights_of(weights))
    try:
        key = exact_key((op, place.__name__, *cells, *options, *params, *params.values()))
    except Unlike:
        return Request(op, place(*cells), *options, params)
    request = _asked.get(key)
    if request is None:
        request = Request(op, place(*cells), *options, params)
        _asked.put(key, request)
    return request


def as_array(x: ArrayLike, what: str = "x") -> NDArray[Any]:
    """``x`` as a plain array.

    Raises UsageError where cells are masked, which a plain array cannot tell, and InputError for
    what is no array, such as lists of different lengths.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        raise UsageError(
            f"{what} has masked cells; fill them, and say with what: "
            "x.filled(np.nan) and nan='skip', or x.data and mask=x.mask"
        )
    try:
        return np.asarray(x)
    except Exception as error:  # what libraries raise for arrays of their own may be anything
        why = " ".join(str(error).split())
        raise InputError(f"{what}: NumPy makes no array of it: {why}") from error


def mask_of(mask: Any) -> NDArray[np.bool_] | None:
    """A mask as NumPy's bools: what is not 0 is True."""
    return None if mask is None else np.asarray(_numbers("mask", mask) != 0)


def weights_of(weights: Any) -> NDArray[np.float64] | None:
    """Weights as NumPy's floats."""
    return None if weights is None else _numbers("weights", weights).astype(np.float64)


def _numbers(what: str, given: Any) -> NDArray[Any]:
    """An array of any library beside the one to pool, as NumPy's."""
    values = as_array(given, what) if door_of(given) is None else np.asarray(given)
    if values.dtype.kind not in "biuf":
        verb = "are" if what.endswith("s") else "is"
        raise InputError(f"the {what} {verb} of {values.dtype}; bool or numbers are meant")
    return values


def taken(x: Any) -> Any:
    """``x`` if it is an array of some library, or else as NumPy's."""
    return as_array(x) if door_of(x) is None else x


def axes_of(
    x: Any,
    sizes: Any,
    axes: Any,
    layout: str | None,
    like: str | None,
) -> PooledAxes:
    """Which axes of an array that was taken are pooled, see :func:`poolcli.axes.find_axes`."""
    door = door_of(x)
    names = () if door is None else door.names(x)
    return find_axes(tuple(x.shape), sizes, axes=axes, layout=layout, like=like, names=names)


def levels_of(levels: Sequence[PerAxis]) -> tuple[Any, ...]:
    """The levels of a pyramid, each as a geometry takes it."""
    return tuple(BY_LAYOUT.each("levels", level) for level in listed("levels", levels))


def output_size_of(where: PooledAxes, output_size: Any, longest: int | None) -> Any:
    """The output size of adaptive pooling, in numbers or in the proportions of what is pooled."""
    if (output_size is None) == (longest is None):
        raise UsageError("adaptive pooling needs an output size or longest, and not both")
    if longest is not None:
        return Fitted(whole_number("longest", longest, least=1))
    if isinstance(output_size, str):
        return parse_output_size(output_size, "output_size")
    return where.each("output size", output_size)


def run(
    request: Request,
    x: Any,
    out: NDArray[Any] | None,
    return_indices: bool,
    where: PooledAxes,
) -> Pooled | WithIndices:
    """Pool one array, which was taken, as requested; the result is of the same library."""
    job = Asked(request, where, flag("return_indices", return_indices))
    door = door_of(x)
    if out is not None and door is not None:
        raise UsageError(f"out: results of a {type(x).__name__} are new ones; leave it out")
    results: Pooled | WithIndices = job.on(x, out) if door is None else door.pool(x, job)
    return results


def run_planes(
    request: Request,
    geometry: Fractional,
    x: Any,
    samples: NDArray[Any],
    out: NDArray[Any] | None,
    return_indices: bool,
) -> Pooled | WithIndices:
    """Pool each plane of one array with random samples of its own, a row of them for each plane."""
    if not isinstance(x, np.ndarray) or out is not None:
        raise UsageError("samples for each plane are for NumPy arrays, and into new ones")
    if request.index_convention != "plane":
        raise UsageError("samples for each plane: positions count the cells of it, index 'plane'")
    plan = request.plan_alone(x.shape, x.dtype)
    axes = Layout(plan.layout)
    others = tuple(x.shape[axis] for axis in axes.others)
    if samples.shape != (*others, len(axes.spatial)):
        raise InputError(
            f"samples have the shape {show_shape(samples.shape)}; for each plane they would have "
            f"{show_shape((*others, len(axes.spatial)))}"
        )
    result = np.empty(plan.output_shape, plan.output_dtype)
    indices = np.empty(plan.output_shape, np.int64)
    for place in np.ndindex(*others):
        fixed = dict(zip(axes.others, place, strict=True))
        at = tuple(fixed.get(axis, slice(None)) for axis in range(x.ndim))
        own = replace(geometry, samples=tuple(samples[place].tolist()))
        one = replace(request, geometry=own, layout=axes.spatial_letters)
        plane = one.plan_alone(x[at].shape, x.dtype)
        result[at] = plane.run(x[at])
        if return_indices:
            indices[at] = plane.winners(x[at])
    return (result, indices) if return_indices else result


def apply(x: Any, plan: Callable[..., OperationPlan]) -> Pooled:
    """Do with an array what ``plan`` gives for its shape and dtype."""
    door = door_of(x)
    if door is not None:
        result: Pooled = door.apply(x, plan)
        return result
    array = as_array(x)
    return plan(array.shape, array.dtype).run(array)
