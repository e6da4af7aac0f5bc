"""Arrays of CuPy, which are in a GPU's memory."""

from __future__ import annotations

from typing import Any, NoReturn

from poolcli.errors import InputError
from poolcli.interop.doors import Door


class CupyDoor(Door):
    """There is no way through: a copy from and to the GPU is for its owner to ask for."""

    def to_numpy(self, x: Any) -> NoReturn:
        """Refuse the array."""
        raise InputError(
            "x is in a GPU's memory; poolcli pools in main memory, so hand over cupy.asnumpy(x)"
        )


DOOR = CupyDoor()
