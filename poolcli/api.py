"""The public functions: pooling of arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.arguments import (
    Axes,
    Options,
    Pooled,
    WithIndices,
    apply,
    asked,
    axes_of,
    levels_of,
    output_size_of,
    public,
    run,
    run_planes,
    taken,
)
from poolcli.axes import PerAxis
from poolcli.checks import listed
from poolcli.geometry import Adaptive, Fractional, Global, Padding, Pyramid, Sliding
from poolcli.ops import find_op


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
    axes: Axes | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    mask: Any = None,
    weights: Any = None,
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
    x : array of bool, integers or floats; of NumPy, or of a library whose arrays then come out
    op : name of an op, one of ``OPS`` or its aliases
    size, stride, dilation : cells, one number or one per spatial axis
        Or a dict with a number for each axis that is pooled, as ``axes`` would name them: {"H": 2}.
        ``stride`` defaults to ``size``.
    padding : cells, a (before, after) pair per axis, or "valid", "same", "same-lower", "center"
        Padding is never a candidate and adds nothing; averages divide by the real cells. The
        default is 0, for blur (which mirrors the cells at the edge) "center".
    ceil_mode : round the output size up instead of down
    count_include_pad : averages count explicit padding as zeros
    divisor : averages divide by this number instead
    layout : axis letters such as "NCHW"; by default W, HW, HWC, NHWC or NDHWC by dimensions
        Where a size has one number for each of more or fewer axes, these are the spatial ones.
    axes : the axes to pool, up to three of an array of any rank; all others are batches
        Positions, letters of the layout or names, where the array has names.
    like : "torch", "keras" or "onnx": that framework's defaults for what is not given here
    nan : "propagate", "skip" (leave NaN out) or "error"
    nodata : this value is missing, and is given back where a window has nothing else
    min_valid : the fraction of its real cells that a window must have, or it gives nodata or NaN
    mask : True for cells that do not count, as NumPy's masked arrays have it
        Of the shape of ``x``, or of its pooled axes for all others alike. Windows of such cells
        alone give nodata or NaN.
    weights : how much cells count, in the shapes of a mask; numbers from 0 on, for avg and sum
        A mean is then Σwx / Σw and a sum Σwx; cells of weight 0 do not count.
    dtype : of the result; by default that of ``x`` for ops that pick a value, 64 bits for sums of
        integers, float64 for other results of integers and the float type of ``x`` else
    fit : how results enter an integer ``dtype``: "exact", "round" (half to even), "clip" (rounded,
        and cut to what it holds), "half-up" or "truncate"
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
    x = taken(x)
    where = axes_of(x, size, axes, layout, like)
    cells = (
        where.each("size", size),
        where.each("stride", stride),
        where.each("padding", padding),
        where.each("dilation", dilation),
        ceil_mode,
    )
    options = Options(
        layout=where.layout or layout,
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
    )
    request = asked(op, Sliding, cells, options, op_params, mask, weights)
    return run(request, x, out, return_indices, where)


@overload
def global_pool(
    x: ArrayLike, op: str, *, return_indices: Literal[False] = False, **options: Any
) -> Pooled: ...
@overload
def global_pool(
    x: ArrayLike, op: str, *, return_indices: Literal[True], **options: Any
) -> WithIndices: ...
@public
def global_pool(
    x: ArrayLike,
    op: str,
    *,
    layout: str | None = None,
    axes: Axes | None = None,
    like: str | None = None,
    keepdims: bool = False,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    mask: Any = None,
    weights: Any = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    return_indices: bool = False,
    index: str | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> Pooled | WithIndices:
    """Pool each spatial plane (or row, or volume) of an array to one number.

    Parameters are those of :func:`pool`. The result has the batch and channel axes of ``x``;
    with ``keepdims`` also its spatial axes, of length 1. Raises UsageError or InputError.
    The definition is ONNX's GlobalAveragePool and GlobalMaxPool.

    >>> import numpy as np
    >>> global_pool(np.ones((2, 7, 7, 64)), "avg").shape
    (2, 64)
    """
    x = taken(x)
    where = axes_of(x, None, axes, layout, like)
    options = Options(
        layout=where.layout or layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        keepdims=keepdims,
        threads=threads,
    )
    request = asked(op, Global, (), options, op_params, mask, weights)
    return run(request, x, out, return_indices, where)


@overload
def adaptive_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis | str | None = None,
    *,
    return_indices: Literal[False] = False,
    **options: Any,
) -> Pooled: ...
@overload
def adaptive_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis | str | None = None,
    *,
    return_indices: Literal[True],
    **options: Any,
) -> WithIndices: ...
@public
def adaptive_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis | str | None = None,
    *,
    longest: int | None = None,
    by_area: bool = False,
    layout: str | None = None,
    axes: Axes | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    mask: Any = None,
    weights: Any = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    return_indices: bool = False,
    index: str | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> Pooled | WithIndices:
    """Pool each spatial axis to ``output_size`` cells, whatever its length.

    Output i of o covers the cells ⌊i·n/o⌋ … ⌈(i+1)·n/o⌉−1, as in torch.nn.AdaptiveAvgPool2d;
    windows overlap where n is no multiple of o. ``output_size`` is one number or one per spatial
    axis, of which None leaves an axis as it is; "600x", "x400" and "25%" keep the proportions, and
    so does ``longest``, the most cells along the longest axis. ``by_area``, for avg and sum, cuts
    cells instead: windows are all n/o cells long, and cells at their ends count by the part that
    lies inside, as in OpenCV's INTER_AREA. The other parameters are those of :func:`pool`.
    Raises UsageError or InputError.

    >>> import numpy as np
    >>> adaptive_pool(np.ones((2, 15, 10, 64)), "max", 7).shape
    (2, 7, 7, 64)
    >>> adaptive_pool(np.array([2.0, 4.0, 6.0]), "avg", 2, by_area=True)  # (2 + 4/2) / 1.5, …
    array([2.66666667, 5.33333333])
    """
    x = taken(x)
    where = axes_of(x, output_size, axes, layout, like)
    options = Options(
        layout=where.layout or layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        threads=threads,
    )
    cells = (output_size_of(where, output_size, longest), by_area)
    request = asked(op, Adaptive, cells, options, op_params, mask, weights)
    return run(request, x, out, return_indices, where)


@overload
def fractional_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis,
    *,
    return_indices: Literal[False] = False,
    **options: Any,
) -> Pooled: ...
@overload
def fractional_pool(
    x: ArrayLike, op: str, output_size: PerAxis, *, return_indices: Literal[True], **options: Any
) -> WithIndices: ...
@public
def fractional_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis,
    *,
    size: PerAxis | None = None,
    seed: int = 0,
    samples: ArrayLike | None = None,
    layout: str | None = None,
    axes: Axes | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    mask: Any = None,
    weights: Any = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    return_indices: bool = False,
    index: str | None = None,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    **op_params: Any,
) -> Pooled | WithIndices:
    """Pool with windows at pseudo-random steps (Graham 2014, "Fractional max-pooling").

    Windows of ``size`` cells (by default the smallest that leaves no gap) start as in
    torch.nn.FractionalMaxPool2d. ``samples`` are numbers in [0, 1), one per spatial axis, height
    before width, or such a row for each plane: of (N, C, 2) for NCHW. Without them they are drawn,
    once for all planes, with ``seed``, which an op that draws gets too. The other parameters are
    those of :func:`pool`. Raises UsageError or InputError.

    >>> import numpy as np
    >>> fractional_pool(np.ones((25, 25)), "max", 17, seed=1).shape
    (17, 17)
    """
    if any(param.name == "seed" for param in find_op(op).params):
        op_params = {"seed": seed} | op_params
    x = taken(x)
    where = axes_of(x, output_size, axes, layout, like)
    each_plane = np.ndim(samples) > 1 if samples is not None else False
    cells = (
        where.each("output size", output_size),
        where.each("size", size),
        seed,
        None if samples is None or each_plane else listed("samples", samples),
    )
    options = Options(
        layout=where.layout or layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        threads=threads,
    )
    request = asked(op, Fractional, cells, options, op_params, mask, weights)
    if each_plane:
        return run_planes(request, Fractional(*cells), x, np.asarray(samples), out, return_indices)
    return run(request, x, out, return_indices, where)


@public
def pyramid_pool(
    x: ArrayLike,
    op: str,
    levels: Sequence[PerAxis],
    *,
    layout: str | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    mask: Any = None,
    weights: Any = None,
    dtype: DTypeLike | None = None,
    fit: str = "exact",
    threads: int | None = None,
    **op_params: Any,
) -> NDArray[Any]:
    """Pool adaptively at several levels and join the results: spatial pyramid pooling.

    A level l gives l cells per spatial axis, a level (h, w) h by w. The cells of all levels stand
    in one axis, in the place of the spatial ones, so that its length depends on the levels alone.
    The other parameters are those of :func:`pool`; there are no indices, as a cell may win at every
    level. Raises UsageError or InputError.
    He, Zhang, Ren & Sun 2014, "Spatial pyramid pooling in deep convolutional networks".

    >>> import numpy as np
    >>> pyramid_pool(np.ones((2, 13, 9, 64)), "max", [1, 2, 4]).shape
    (2, 21, 64)
    """
    options = Options(
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        dtype=dtype,
        fit=fit,
        threads=threads,
    )
    request = asked(op, Pyramid, (levels_of(levels),), options, op_params, mask, weights)
    return apply(x, request.plan)
