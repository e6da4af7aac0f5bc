"""The float types that real-valued ops compute and answer in."""

from __future__ import annotations

from typing import Any

import numpy as np

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
