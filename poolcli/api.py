"""The public functions: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.ops import OPS
from poolcli.plan import Request
from poolcli.windows import Geometry, Global, Padding, Sliding

__all__ = ["OPS", "global_pool", "output_shape", "pool"]

PerAxis = int | Sequence[int]


def pool(
    x: ArrayLike,
    op: str,
    size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = False,
    divisor: float | None = None,
    layout: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> NDArray[Any]:
    """Pool an array with sliding windows.

    Parameters
    ----------
    x : array of bool, integers or floats, 1 to 5 axes
    op : name of an op, one of ``OPS`` or its aliases
    size, stride, dilation : cells, one number or one per spatial axis
        ``stride`` defaults to ``size``.
    padding : cells, a (before, after) pair per axis, or "same", "same-lower", "valid"
        Padding is never a candidate and adds nothing; averages divide by the real cells.
    ceil_mode : round the output size up instead of down
    count_include_pad : averages count explicit padding as zeros
    divisor : averages divide by this number instead
    layout : axis letters such as "NCHW"; by default W, HW, HWC, NHWC or NDHWC by dimensions
    nan : "propagate", "skip" (leave NaN out) or "error"
    nodata : this value is missing, and is given back where a window has nothing else
    dtype : of the result; by default that of ``x`` for max and min, 64 bits for sums of integers,
        float64 for averages of integers and the float type of ``x`` else
    fit : how results enter an integer ``dtype``: "exact", "round" or "clip"
    out : array to write to, of the result's shape and dtype
    threads : at most this many; by default the processors there are

    Returns
    -------
    array with the axes of ``x``; each spatial axis of n cells becomes
    ⌊(n + padding − effective kernel) / stride⌋ + 1, as in ONNX's pooling operators.

    Raises
    ------
    UsageError, InputError
        One line that names the axis and the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[1, 3, 2, 4], [5, 6, 1, 2], [2, 4, 0, 1], [1, 2, 3, 4]])
    >>> pool(x, "max", 2)
    array([[6, 4],
           [4, 4]])
    >>> pool(np.zeros((8, 28, 28, 3)), "avg", 3, stride=2, padding="same").shape
    (8, 14, 14, 3)
    """
    geometry = Sliding(
        _tuple(size),
        None if stride is None else _tuple(stride),
        padding if isinstance(padding, (str, int)) else tuple(padding),
        _tuple(dilation),
        ceil_mode,
    )
    request = Request(
        op,
        geometry,
        layout=layout,
        nan=nan,
        nodata=nodata,
        count_include_pad=count_include_pad,
        divisor=divisor,
        dtype=None if dtype is None else np.dtype(dtype),
        fit=fit,
        threads=threads,
        params=op_params,
    )
    return _run(request, x, out)


def global_pool(
    x: ArrayLike,
    op: str,
    *,
    layout: str | None = None,
    keepdims: bool = False,
    nan: str = "propagate",
    nodata: float | None = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> NDArray[Any]:
    """Pool each spatial plane (or row, or volume) of an array to one number.

    Parameters are those of :func:`pool`. The result has the batch and channel axes of ``x``;
    with ``keepdims`` also its spatial axes, of length 1. Raises UsageError or InputError.
    The definition is ONNX's GlobalAveragePool and GlobalMaxPool.

    >>> import numpy as np
    >>> global_pool(np.ones((2, 7, 7, 64)), "avg").shape
    (2, 64)
    """
    request = Request(
        op,
        Global(),
        layout=layout,
        nan=nan,
        nodata=nodata,
        dtype=None if dtype is None else np.dtype(dtype),
        fit=fit,
        keepdims=keepdims,
        threads=threads,
        params=op_params,
    )
    return _run(request, x, out)


def output_shape(
    shape: Sequence[int],
    size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    layout: str | None = None,
) -> tuple[int, ...]:
    """The shape that :func:`pool` gives for an array of ``shape``; no array is needed.

    Raises UsageError or InputError for windows that do not fit, as ``pool`` would.

    >>> output_shape((224, 224, 64), 3, stride=2, padding=1)
    (112, 112, 64)
    """
    geometry: Geometry = Sliding(
        _tuple(size),
        None if stride is None else _tuple(stride),
        padding if isinstance(padding, (str, int)) else tuple(padding),
        _tuple(dilation),
        ceil_mode,
    )
    request = Request("max", geometry, layout=layout)
    return request.plan(tuple(shape), np.dtype(np.float32)).output_shape


def _run(request: Request, x: ArrayLike, out: NDArray[Any] | None) -> NDArray[Any]:
    array = np.asarray(x)
    return request.plan(array.shape, array.dtype).run(array, out)


def _tuple(value: PerAxis) -> int | tuple[int, ...]:
    return tuple(value) if isinstance(value, Sequence) else value
