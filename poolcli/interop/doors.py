"""Which library an array is of, and what is done with its arrays.

Each library has one file here, which is imported when an array of it has come in. Arrays are taken
as NumPy's, without a copy where both can look at the same memory, and results go out as arrays of
the library they came from.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from poolcli.errors import InputError
from poolcli.interop.asked import Asked, Results, each
from poolcli.operation import OperationPlan

# By the first word of the module that a type is of.
_FILES = {
    "cupy": "cupy",
    "dask": "dask",
    "jax": "jax",
    "jaxlib": "jax",
    "ml_dtypes": "ml_dtypes",
    "torch": "torch",
    "xarray": "xarray",
    "zarr": "zarr",
}
# enum DLDeviceType: memory that a processor sees.
_MAIN_MEMORY = (1, 3, 11)


class Door:
    """What is done with arrays of a library: cast, compute, cast back."""

    def names(self, _x: Any) -> Sequence[Hashable]:
        """The names of the axes, where they have names."""
        return ()

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """The array as NumPy's. Raises InputError where it cannot be."""
        raise NotImplementedError

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """Results as arrays of the library, such as ``x`` is."""
        raise NotImplementedError

    def pool(self, x: Any, asked: Asked) -> Results:
        """Pool an array as asked."""
        return each(asked.on(self.to_numpy(x)), lambda values: self.back(values, x))

    def apply(self, x: Any, plan: Callable[..., OperationPlan]) -> Any:
        """Do with an array what ``plan`` gives for its shape and dtype."""
        values = self.to_numpy(x)
        return self.back(plan(values.shape, values.dtype).run(values), x)


class DlpackDoor(Door):
    """Of a library that is not known, but shows its memory as the array API wants it."""

    def to_numpy(self, x: Any) -> NDArray[Any]:
        """The same memory, if it is the processor's."""
        refuse_device(x)
        try:
            return np.from_dlpack(x)
        except Exception as error:  # whatever the library raises
            why = " ".join(str(error).split())
            raise InputError(f"x: NumPy makes no array of it: {why}") from error

    def back(self, values: NDArray[Any], x: Any) -> Any:
        """NumPy's: how the library takes them nobody knows."""
        return values


def refuse_device(x: Any) -> None:
    """Refuse an array that is in the memory of something else than the processor."""
    kind, number = x.__dlpack_device__()
    if int(kind) not in _MAIN_MEMORY:
        name = getattr(kind, "name", kind)
        raise InputError(
            f"x is in the memory of a device ({name} {number}); poolcli pools in main memory, so "
            "copy it there first"
        )


def door_of(x: object) -> Door | None:
    """The door that arrays of this library come in by; None for NumPy's and what it takes.

    >>> door_of(np.ones(3)), door_of([1, 2])
    (None, None)
    """
    if isinstance(x, (np.ndarray, np.generic)):
        return _door("ml_dtypes") if x.dtype.type.__module__ == "ml_dtypes" else None
    for kind in type(x).__mro__:
        root = kind.__module__.partition(".")[0]
        if root in _FILES:
            return _door(root)
    return DlpackDoor() if hasattr(x, "__dlpack_device__") else None


def _door(root: str) -> Door:
    door: Door = importlib.import_module(f"poolcli.interop.{_FILES[root]}").DOOR
    return door
