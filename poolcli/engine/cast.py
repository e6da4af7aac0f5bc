"""Results enter another dtype exactly, by rounding or by clipping; they never wrap."""

from __future__ import annotations

from typing import Any

import numpy as np

from poolcli.engine.buffers import Array
from poolcli.errors import InputError

FITS = ("exact", "round", "clip")


def convert(values: Array, out: Array, fit: str) -> None:
    """Write ``values`` to ``out`` of another dtype.

    ``fit`` is for integer (and bool) targets: ``exact`` wants whole numbers in range, ``round``
    rounds half to even and wants them in range, ``clip`` rounds and saturates. A floating-point
    result rounds to a floating-point target as any arithmetic does, but may not overflow; a whole
    number must be one that the target holds exactly.

    Raises InputError with the offending number.
    """
    source, target = values.dtype, out.dtype
    if source == target or _always_exact(source, target):
        out[...] = values
    elif target.kind == "f":
        _to_float(values, out)
    else:
        _to_integer(values, out, fit)


def _always_exact(source: np.dtype[Any], target: np.dtype[Any]) -> bool:
    # NumPy calls int64 → float64 safe, and it is not exact beyond 2⁵³.
    if source.kind in "iu" and target.kind == "f":
        return int(np.iinfo(source).max).bit_length() <= np.finfo(target).nmant + 1
    return source.kind != "O" and np.can_cast(source, target, "safe")


def _to_float(values: Array, out: Array) -> None:
    out[...] = values
    if values.dtype.kind == "f":
        lost = np.isinf(out) & np.isfinite(values)
        why = "overflows"
    else:
        lost = _inexact(values, out)
        why = "is not exact in"
    if lost.any():
        raise InputError(f"{values[lost][0]} {why} {out.dtype}; choose a wider --dtype")


def _inexact(values: Array, floats: Array) -> Array:
    """Where the integers ``values`` are not exactly the numbers ``floats``."""
    # The first power of two past the dtype.
    beyond = 2.0 ** int(np.iinfo(values.dtype).max).bit_length()
    outside = ~(np.abs(floats.astype(np.float64)) <= beyond) | (floats == beyond)
    back = np.where(outside, 0, floats).astype(values.dtype)
    return np.asarray(outside | (back != values))


def _within(end: int, dtype: np.dtype[Any]) -> Any:
    """The outermost float of a dtype that does not lie past ``end``.

    The nearest may: 2⁶³ − 1 becomes the power of two, and in float16 even an infinity.
    """
    with np.errstate(over="ignore"):
        nearest = dtype.type(end)
    past = not np.isfinite(nearest) or abs(int(nearest)) > abs(end)
    return np.nextafter(nearest, dtype.type(0)) if past else nearest


def _to_integer(values: Array, out: Array, fit: str) -> None:
    source, target = values.dtype.newbyteorder("="), out.dtype
    low, high = (0, 1) if target.kind == "b" else (np.iinfo(target).min, np.iinfo(target).max)
    if values.dtype.kind == "f":
        if np.isnan(values).any():
            raise InputError(f"NaN does not fit {target}; write a float format or use --nan skip")
        whole = np.rint(values)
        if fit == "exact" and (whole != values).any():
            example = values[whole != values][0]
            raise InputError(
                f"{example} is no whole number and does not fit {target}; "
                "choose a float --dtype or --clip"
            )
        least, most = (_within(end, source) for end in (low, high))
        values = whole
    else:
        least, most = low, high
    outside = (values < least) | (values > most)
    if outside.any():
        if fit != "clip":
            raise InputError(
                f"{values[outside][0]} does not fit {target} ({low} to {high}); use --clip, "
                "a wider --dtype or another format"
            )
        out[...] = np.where(outside, 0, values).astype(target)
        out[values > most] = high
        out[values < least] = low
    else:
        out[...] = values.astype(target)
