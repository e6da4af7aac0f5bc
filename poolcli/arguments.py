"""What Python code hands to the public functions: arrays, numbers per axis, keywords."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.checks import flag
from poolcli.errors import InputError, UnknownParameter, UsageError
from poolcli.geometry import Geometry
from poolcli.recent import Recent, Unlike, exact_key
from poolcli.request import Request

PerAxis = int | Sequence[int]
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


def per_axis(value: Any) -> int | tuple[int, ...]:
    """A sequence as a tuple, anything else as it is: the geometry checks it."""
    if isinstance(value, np.ndarray):
        return tuple(value) if value.ndim else value.item()
    # Of a text the characters would be taken, which is never what is meant.
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return tuple(value)
    number: int = value
    return number


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
) -> Request:
    """The request for ``op`` with windows placed by ``place(*cells)``.

    It is the same one for the same values: what it has planned it need not plan again.
    """
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
            "x.filled(np.nan) and nan='skip', or x.filled(-9) and nodata=-9"
        )
    try:
        return np.asarray(x)
    except Exception as error:  # what libraries raise for arrays of their own may be anything
        why = " ".join(str(error).split())
        raise InputError(f"{what}: NumPy makes no array of it: {why}") from error


def run(
    request: Request, x: ArrayLike, out: NDArray[Any] | None, return_indices: bool
) -> Pooled | WithIndices:
    """Pool one array as requested."""
    with_indices = flag("return_indices", return_indices)
    array = as_array(x)
    plan = request.plan_alone(array.shape, array.dtype)
    indices = plan.winners(array) if with_indices else None  # first: not every op has them
    result = plan.run(array, out)
    return result if indices is None else (result, indices)
