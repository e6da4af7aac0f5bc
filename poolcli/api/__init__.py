"""The public functions: arrays in, arrays out."""

from poolcli.api.chained import chain
from poolcli.api.other import adaptive_pool, fractional_pool, global_pool, pyramid_pool
from poolcli.api.sliding import output_shape, pool
from poolcli.api.unpooling import unpool
from poolcli.ops import OPS

__all__ = [
    "OPS",
    "adaptive_pool",
    "chain",
    "fractional_pool",
    "global_pool",
    "output_shape",
    "pool",
    "pyramid_pool",
    "unpool",
]
