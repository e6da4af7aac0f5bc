"""Number types by name, and values that have to be of one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.checks import shown
from poolcli.errors import InputError, UsageError

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import DTypeLike


def as_typed(value: float) -> Fraction:
    """The number that was meant: 0.1 is a tenth and 1/3 a third, not the doubles nearest to them.

    >>> as_typed(1 / 3), as_typed(1e-10)
    (Fraction(1, 3), Fraction(1, 10000000000))
    """
    from fractions import Fraction  # late: most runs have no number to take at its word

    written = Fraction(repr(float(value)))
    simple = written.limit_denominator(10**9)
    return simple if float(simple) == value else written


def as_cell(value: float, dtype: np.dtype[Any], what: str) -> Any:
    """``nodata`` as a value of ``dtype``: the nearest float, or exactly an integer."""
    native = dtype.newbyteorder("=")
    if native.kind == "f":
        with np.errstate(over="ignore"):
            cell = native.type(value)
        if math.isfinite(value) and not np.isfinite(cell):
            raise InputError(f"nodata {value:g} is no value of the {what}'s dtype {native}")
        return cell
    low, high = (0, 1) if native.kind == "b" else (np.iinfo(native).min, np.iinfo(native).max)
    if not (math.isfinite(value) and value == int(value) and low <= int(value) <= high):
        raise InputError(f"nodata {value:g} is no value of the {what}'s dtype {native}")
    return native.type(int(value))


def number_type(name: DTypeLike) -> np.dtype[Any]:
    """A dtype of numbers, or a UsageError that lists some.

    >>> number_type("uint8")
    dtype('uint8')
    """
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        raise UsageError(
            f"dtype {shown(name)} is unknown; use bool, int8 … uint64, float16 … float64"
        ) from None
    if dtype.kind not in "biuf":
        raise UsageError(f"dtype {shown(name)}: results are bool, integers or floats")
    return dtype
