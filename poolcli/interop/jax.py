"""Arrays of JAX, in main memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import InputError
from poolcli.interop.doors import Door
from poolcli.interop.ml_dtypes import DOOR as SMALL_FLOATS


class JaxDoor(Door):
    """JAX shows NumPy its memory, and copies what it takes back."""

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """The array's memory. Raises InputError for a device's, and for arrays being traced."""
        import jax

        if isinstance(x, jax.core.Tracer):
            raise InputError("x is being traced; poolcli runs outside of jit, on values")
        for device in x.devices():
            if device.platform != "cpu":
                raise InputError(
                    f"x is on {device}; poolcli pools in main memory, so hand over "
                    "jax.device_put(x, jax.devices('cpu')[0])"
                )
        values = np.asarray(x)
        small = values.dtype.type.__module__ == "ml_dtypes"
        return SMALL_FLOATS.to_numpy(values) if small else values

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """A JAX array. Raises InputError where that would have fewer bits than the results."""
        import jax

        if x.dtype.name == "bfloat16":
            values = SMALL_FLOATS.back(values, x)
        held = jax.dtypes.canonicalize_dtype(values.dtype)
        if held != values.dtype:
            raise InputError(
                f"the results are {values.dtype}, of which JAX would keep {held}; ask for another "
                "`dtype`, or set jax_enable_x64"
            )
        return jax.numpy.asarray(values)


DOOR = JaxDoor()
