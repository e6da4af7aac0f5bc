"""Pooling with windows that are not of one size at even steps: global, adaptive, and so on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.api.common import PerAxis, Pooled, WithIndices, as_array, per_axis, public, run
from poolcli.checks import listed
from poolcli.geometry import Adaptive, Fractional, Global
from poolcli.ops import find_op
from poolcli.plan import Request
from poolcli.pyramid import Pyramid


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
    like: str | None = None,
    keepdims: bool = False,
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
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        keepdims=keepdims,
        threads=threads,
        params=op_params,
    )
    return run(request, x, out, return_indices)


@overload
def adaptive_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis,
    *,
    return_indices: Literal[False] = False,
    **options: Any,
) -> Pooled: ...
@overload
def adaptive_pool(
    x: ArrayLike, op: str, output_size: PerAxis, *, return_indices: Literal[True], **options: Any
) -> WithIndices: ...
@public
def adaptive_pool(
    x: ArrayLike,
    op: str,
    output_size: PerAxis,
    *,
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
    """Pool each spatial axis to ``output_size`` cells, whatever its length.

    Output i of o covers the cells ⌊i·n/o⌋ … ⌈(i+1)·n/o⌉−1, as in torch.nn.AdaptiveAvgPool2d;
    windows overlap where n is no multiple of o. ``output_size`` is one number or one per spatial
    axis; the other parameters are those of :func:`pool`. Raises UsageError or InputError.

    >>> import numpy as np
    >>> adaptive_pool(np.ones((2, 15, 10, 64)), "max", 7).shape
    (2, 7, 7, 64)
    """
    request = Request(
        op,
        Adaptive(per_axis(output_size)),
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        threads=threads,
        params=op_params,
    )
    return run(request, x, out, return_indices)


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
    samples: Sequence[float] | None = None,
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
    """Pool with windows at pseudo-random steps (Graham 2014, "Fractional max-pooling").

    Windows of ``size`` cells (by default the smallest that leaves no gap) start as in
    torch.nn.FractionalMaxPool2d. ``samples`` are numbers in [0, 1), one per spatial axis; without
    them they are drawn with ``seed``, which an op that draws gets too. The other parameters are
    those of :func:`pool`. Raises UsageError or InputError.

    >>> import numpy as np
    >>> fractional_pool(np.ones((25, 25)), "max", 17, seed=1).shape
    (17, 17)
    """
    if any(param.name == "seed" for param in find_op(op).params):
        op_params = {"seed": seed} | op_params
    geometry = Fractional(
        per_axis(output_size),
        None if size is None else per_axis(size),
        seed,
        None if samples is None else listed("samples", samples),
    )
    request = Request(
        op,
        geometry,
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        index=index,
        dtype=dtype,
        fit=fit,
        threads=threads,
        params=op_params,
    )
    return run(request, x, out, return_indices)


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
    request = Request(
        op,
        Adaptive(1),  # of each level, once levels are planned
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        threads=threads,
        params=op_params,
    )
    sizes = tuple(per_axis(level) for level in listed("levels", levels))
    array = as_array(x)
    return Pyramid(request, sizes, dtype, fit).plan(array.shape, array.dtype).run(array)
