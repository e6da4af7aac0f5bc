"""The float types that real-valued ops compute and answer in."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.engine.kernel import Cells


def real_result(cells: Cells) -> np.dtype[Any]:
    """The dtype of a real-valued result: that of floats stays, all others become float64.

    A wider float that is wanted is worked in from the start, so that nothing is lost on the way.
    """
    own = cells.dtype if cells.dtype.kind == "f" else np.dtype(np.float64)
    wanted = cells.target
    return np.result_type(own, wanted) if wanted is not None and wanted.kind == "f" else own


def wide_float(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """A float type to compute in: float64, or what is wider already."""
    return np.result_type(dtype, np.float64) if dtype.kind == "f" else np.dtype(np.float64)


def two_sum(
    a: Array, b: Array, total: Array | None = None, error: Array | None = None
) -> tuple[Array, Array]:
    """The rounded sum and what rounding has lost, exactly: Knuth, TAOCP 2, 4.2.2.

    >>> [float(part) for part in two_sum(np.array(1e16), np.array(1.5))]
    [1.0000000000000002e+16, -0.5]
    """
    total = np.add(a, b, out=total)
    b_part = total - a
    a_part = total - b_part
    error = np.subtract(a, a_part, out=error)
    error += b - b_part
    return total, error
