"""NumPy arrays of ``ml_dtypes``: bfloat16 and floats of 8 bits, which float32 holds exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import InputError
from poolcli.interop.doors import Door


class SmallFloats(Door):
    """Pooled as float32; results of that type go back to the smaller one."""

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """The cells as float32. Raises InputError for types that are no floats."""
        if "float" not in x.dtype.name:
            raise InputError(f"dtype {x.dtype.name} cannot be pooled; convert it with x.astype")
        return np.asarray(x, np.float32)

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """As the cells were, if they are float32."""
        return values.astype(x.dtype) if values.dtype == np.float32 else values


DOOR = SmallFloats()
