"""Unpooling: the partial inverse of max pooling."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from poolcli.api.common import PerAxis, as_array, per_axis, public
from poolcli.geometry import Padding
from poolcli.unpooling import Unpool


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
    array = as_array(x)
    request = Unpool(
        as_array(indices, "indices"),
        None if size is None else per_axis(size),
        None if stride is None else per_axis(stride),
        tuple(padding) if isinstance(padding, (tuple, list)) else padding,
        None if output_size is None else per_axis(output_size),
        layout=layout,
        like=like,
        index=index,
    )
    return request.plan(array.shape, array.dtype).run(array)
