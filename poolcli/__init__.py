"""Pooling, the downsampling operation of convolutional networks, over any array."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "OPS",
    "InputError",
    "PoolError",
    "UsageError",
    "adaptive_pool",
    "chain",
    "fractional_pool",
    "global_pool",
    "output_shape",
    "overviews",
    "pool",
    "pyramid_pool",
    "unpool",
]

if TYPE_CHECKING:
    from poolcli.api import (
        adaptive_pool,
        fractional_pool,
        global_pool,
        pool,
        pyramid_pool,
    )
    from poolcli.api_chain import chain, overviews, unpool
    from poolcli.api_shape import output_shape
    from poolcli.errors import InputError, PoolError, UsageError
    from poolcli.ops import OPS

_HOMES = {
    "OPS": "ops",
    "chain": "api_chain",
    "output_shape": "api_shape",
    "overviews": "api_chain",
    "unpool": "api_chain",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: the command line starts without NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "errors" if name.endswith("Error") else _HOMES.get(name, "api")
    return getattr(importlib.import_module(f"poolcli.{home}"), name)


def __dir__() -> list[str]:
    """List the public names, which are there when they are asked for."""
    return [*__all__, "__version__"]
