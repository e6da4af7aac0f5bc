"""Several poolings, one after another."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from poolcli.api.common import as_array, public
from poolcli.chains import parse_chain


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
    array = as_array(x)
    return asked.plan(array.shape, array.dtype).run(array)
