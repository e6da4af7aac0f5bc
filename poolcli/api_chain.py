"""The public functions for more than one pooling: chains, overviews, and unpooling."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, DTypeLike, NDArray

from poolcli.arguments import apply, as_array, public
from poolcli.axes import BY_LAYOUT, PerAxis
from poolcli.chain_syntax import parse_chain
from poolcli.geometry import Padding
from poolcli.multiscale import Overviews
from poolcli.ops import find_op
from poolcli.unpooling import Unpool


@public
def chain(
    x: ArrayLike,
    stages: str,
    *,
    layout: str | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    threads: int | None = None,
) -> NDArray[Any]:
    """Pool an array by several stages, such as ``"max 3/2 p1 | avg 2 | global avg"``.

    Parameters
    ----------
    x : array of bool, integers or floats, 1 to 5 axes
    stages : stages separated by ``|``, each of them one of

        - ``OP SIZE[/STRIDE] [pPADDING] [dDILATION] [ceil]``
        - ``global OP [keep]``: the spatial axes are gone, or of length 1 with ``keep``
        - ``adaptive OP OUTPUT_SIZE``
        - ``fractional OP OUTPUT_SIZE [size=SIZE] [seed=N]``
        - ``pyramid OP 1,2,4``: the levels stand one after another in one spatial axis, W

        and after it the op's own parameters, ``lp 2 norm=3 signed``; where an op divides also
        ``divisor=4`` and ``count-include-pad``. Sizes are ``3`` or ``2x3``, paddings ``p1``,
        ``p0x1``, ``p1:0,0:1`` or ``psame``.
    layout, like, nan, nodata, min_valid, threads : as for :func:`pool`, of every stage
        ``layout`` is that of ``x``; each stage hands the layout of its result to the next.

    Returns
    -------
    array, the result of the last stage. Its dtype is that of the stages one after another: max
    keeps it, avg makes float64 of integers. There are no indices: those of a
    stage would be positions in the stage before.

    Raises
    ------
    UsageError, InputError
        One line that quotes the stage. After ``global`` without ``keep`` there can be no stage.

    Examples
    --------
    >>> import numpy as np
    >>> chain(np.zeros((224, 224, 64)), "max 3/2 p1 | avg 2").shape
    (56, 56, 64)
    >>> chain(np.zeros((8, 3, 32, 32)), "max 2 | global avg", layout="NCHW").shape
    (8, 3)
    """
    asked = parse_chain(
        stages,
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        threads=threads,
    )
    return apply(x, asked.plan)


@public
def overviews(
    x: ArrayLike,
    op: str,
    factors: PerAxis = 2,
    levels: int | None = None,
    *,
    layout: str | None = None,
    like: str | None = None,
    nan: str = "propagate",
    nodata: float | None = None,
    min_valid: float = 0.0,
    dtype: DTypeLike | None = None,
    fit: str = "round",
    threads: int | None = None,
    **params: Any,
) -> list[NDArray[Any]]:
    """Pool an array to several resolutions, each of them from the array itself.

    Parameters
    ----------
    x : array of bool, integers or floats, 1 to 5 axes
    op : name of an op; its own parameters are keywords, as for :func:`pool`
    factors : how many times smaller a level is than the one before, in all or for each spatial axis
    levels : how many; None goes on until no axis that is pooled is longer than 256
    dtype, fit : of the levels; by default they have the dtype of ``x``, rounded half to even
    layout, like, nan, nodata, min_valid, threads : as for :func:`pool`

    Returns
    -------
    list of arrays, from the largest. Level k has windows of ``factors`` to the power of k side by
    side over the cells of ``x``; at the far edges windows hold the cells that there are.

    Raises UsageError, or InputError where there is nothing left to pool.

    >>> import numpy as np
    >>> labels = np.array([[1, 1, 2, 2], [1, 3, 3, 2], [4, 4, 4, 4], [4, 4, 5, 5]])
    >>> [level.tolist() for level in overviews(labels, "mode", levels=2)]
    [[[1, 2], [4, 4]], [[4]]]
    """
    array = as_array(x)
    asked = Overviews.of(
        find_op(op).name,
        BY_LAYOUT.each("factors", factors),
        levels,
        layout=layout,
        like=like,
        nan=nan,
        nodata=nodata,
        min_valid=min_valid,
        dtype=dtype,
        fit=fit,
        threads=threads,
        params=params,
    )
    return asked.plan(array.shape, array.dtype).run_levels(array)


@public
def unpool(
    x: ArrayLike,
    indices: ArrayLike,
    size: PerAxis | None = None,
    *,
    stride: PerAxis | None = None,
    padding: Padding = 0,
    output_size: PerAxis | None = None,
    layout: str | None = None,
    like: str | None = None,
    index: str | None = None,
) -> NDArray[Any]:
    """Put values back where they were before pooling, and 0 everywhere else.

    Parameters
    ----------
    x : pooled array
    indices : integers of the shape of ``x``, as :func:`pool` returns them; −1 puts nothing
    size, stride, padding : of the pooling, cells, where it slid windows
    output_size : cells per spatial axis of the result
        By default (n − 1)·stride − padding before and after + size, as in torch.nn.MaxUnpool2d.
        It may differ from that by less than a stride. Without ``size``, which is for the indices
        of global, adaptive and fractional pooling, it is what was pooled.
    layout, like, index : as for :func:`pool`
        Of global pooling without ``keepdims``, ``layout`` is that of what was pooled.

    Returns
    -------
    array of the dtype of ``x``, of zeros where no value goes.

    Raises UsageError, or InputError for an index outside the result and for values that differ
    but have one index. One pooling with its own indices gives such values only as medians between
    two cells, in windows that overlap: ``method="lower"`` takes medians that are cells.

    >>> import numpy as np
    >>> from poolcli import pool
    >>> y, where = pool(np.array([[1, 3], [5, 2]]), "max", 2, return_indices=True)
    >>> unpool(y, where, 2)
    array([[0, 0],
           [5, 0]])
    """
    request = Unpool(
        as_array(indices, "indices"),
        BY_LAYOUT.each("size", size),
        BY_LAYOUT.each("stride", stride),
        BY_LAYOUT.each("padding", padding),
        BY_LAYOUT.each("output size", output_size),
        layout=layout,
        like=like,
        index=index,
    )
    return apply(x, request.plan)
