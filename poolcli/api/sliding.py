"""Pooling with sliding windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.api.common import PerAxis, Pooled, WithIndices, per_axis, public, run
from poolcli.checks import listed, shown
from poolcli.errors import UsageError
from poolcli.geometry import Padding, Sliding, whole_number
from poolcli.plan import Request


@overload
def pool(
    x: ArrayLike, op: str, size: PerAxis, *, return_indices: Literal[False] = False, **options: Any
) -> Pooled: ...
@overload
def pool(
    x: ArrayLike, op: str, size: PerAxis, *, return_indices: Literal[True], **options: Any
) -> WithIndices: ...
@public
def pool(
    x: ArrayLike,
    op: str,
    size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding | None = None,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    count_include_pad: bool | None = None,
    divisor: float | None = None,
    layout: str | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    return_indices: bool = False,
    index: str | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> Pooled | WithIndices:
    """Pool an array with sliding windows.

    Parameters
    ----------
    x : array of bool, integers or floats, 1 to 5 axes
    op : name of an op, one of ``OPS`` or its aliases
    size, stride, dilation : cells, one number or one per spatial axis
        ``stride`` defaults to ``size``.
    padding : cells, a (before, after) pair per axis, or "valid", "same", "same-lower", "center"
        Padding is never a candidate and adds nothing; averages divide by the real cells. The
        default is 0, for blur (which mirrors the cells at the edge) "center".
    ceil_mode : round the output size up instead of down
    count_include_pad : averages count explicit padding as zeros
    divisor : averages divide by this number instead
    layout : axis letters such as "NCHW"; by default W, HW, HWC, NHWC or NDHWC by dimensions
    like : "torch", "keras" or "onnx": that framework's defaults for what is not given here
    nan : "propagate", "skip" (leave NaN out) or "error"
    nodata : this value is missing, and is given back where a window has nothing else
    min_valid : the fraction of its real cells that a window must have, or it gives nodata or NaN
    dtype : of the result; by default that of ``x`` for ops that pick a value, 64 bits for sums of
        integers, float64 for other results of integers and the float type of ``x`` else
    fit : how results enter an integer ``dtype``: "exact", "round" or "clip"
    return_indices : also return the position of the cell that each window's value is
        For max, min and median; the first one on ties, −1 where nothing was valid.
    index : what positions count: "plane" (the spatial plane), "tensor" or "channels-last"
    out : array to write to, of the result's shape and dtype
    threads : at most this many; by default the processors there are
    op_params : the op's own parameters, see ``OPS[op].params``

    Returns
    -------
    array with the axes of ``x``; each spatial axis of n cells becomes
    ⌊(n + padding − effective kernel) / stride⌋ + 1, as in ONNX's pooling operators.
    With ``return_indices`` a pair of it and an int64 array of the same shape.

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
        per_axis(size),
        None if stride is None else per_axis(stride),
        tuple(padding) if isinstance(padding, (tuple, list)) else padding,
        per_axis(dilation),
        ceil_mode,
    )
    request = Request(
        op,
        geometry,
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        count_include_pad=count_include_pad,
        divisor=divisor,
        index=index,
        dtype=dtype,
        fit=fit,
        threads=threads,
        params=op_params,
    )
    return run(request, x, out, return_indices)


@public
def output_shape(
    shape: Sequence[int],
    size: PerAxis,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    layout: str | None = None,
    like: str | None = None,
) -> tuple[int, ...]:
    """The shape that :func:`pool` gives for an array of ``shape``; no array is needed.

    Raises UsageError or InputError for windows that do not fit, as ``pool`` would.

    >>> output_shape((224, 224, 64), 3, stride=2, padding=1)
    (112, 112, 64)
    """
    geometry = Sliding(
        per_axis(size),
        None if stride is None else per_axis(stride),
        tuple(padding) if isinstance(padding, (tuple, list)) else padding,
        per_axis(dilation),
        ceil_mode,
    )
    request = Request("max", geometry, layout=layout, like=like)
    if isinstance(shape, np.ndarray) and shape.ndim != 1:
        raise UsageError(f"shape {shown(shape)}: lengths of axes are meant, such as x.shape")
    lengths = tuple(whole_number("shape", n, least=0) for n in listed("shape", shape))
    return request.plan(lengths, np.dtype(np.float32)).output_shape
