"""Number types: by name, exact values of them, and how results enter them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.checks import shown
from poolcli.errors import InputError, UsageError

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import DTypeLike

Array = np.ndarray[Any, np.dtype[Any]]


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
    low, high = _ends(native)
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
    if dtype.kind not in "biuf" or dtype.itemsize > 8:
        raise UsageError(
            f"dtype {shown(name)}: results are bool, integers or floats of up to 64 bits"
        )
    return dtype


def _real(cells: np.dtype[Any], wanted: np.dtype[Any] | None) -> np.dtype[Any]:
    """That of floats stays, all others become float64; a wider float that is wanted is worked in
    from the start, so that nothing is lost on the way.
    """
    own = cells if cells.kind == "f" else np.dtype(np.float64)
    return np.result_type(own, wanted) if wanted is not None and wanted.kind == "f" else own


def _sum(cells: np.dtype[Any], wanted: np.dtype[Any] | None) -> np.dtype[Any]:
    """64 bits for integers (NumPy's rule), else as for real numbers."""
    if cells.kind == "f":
        return _real(cells, wanted)
    return np.dtype(np.uint64 if cells.kind == "u" else np.int64)


# The rules for the dtype of an op's results, of the cells' and the wanted one in native byte order.
RESULTS: dict[str, Callable[[np.dtype[Any], np.dtype[Any] | None], np.dtype[Any]]] = {
    "keeps": lambda cells, _wanted: cells,
    "sum": _sum,
    "real": _real,
    "share": lambda _cells, _wanted: np.dtype(np.float32),
    "count": lambda _cells, _wanted: np.dtype(np.int64),
    "place": lambda _cells, _wanted: np.dtype(np.int64),
}


def result_dtype(
    rule: str, cells: np.dtype[Any], wanted: np.dtype[Any] | None = None
) -> np.dtype[Any]:
    """The dtype of results of ``cells`` by one of the rules in ``RESULTS``, in native byte order.

    >>> result_dtype("sum", np.dtype("u1")), result_dtype("real", np.dtype(">f4"))
    (dtype('uint64'), dtype('float32'))
    """
    native = None if wanted is None else wanted.newbyteorder("=")
    return RESULTS[rule](cells.newbyteorder("="), native)


FITS = ("exact", "round", "clip", "half-up", "truncate")


def _half_up(values: Array) -> Array:
    whole = np.floor(values)  # x + 0.5 would lift what is just below a half
    return np.asarray(whole + (values - whole >= 0.5))


# How floats become whole numbers; exact ones are looked at as they are.
_ROUNDINGS: dict[str, Callable[[Array], Array]] = {"half-up": _half_up, "truncate": np.trunc}


class DoesNotFit(InputError):
    """A number that the type of the result does not have."""


def overflowing(value: object, target: np.dtype[Any]) -> InputError:
    """Refuse a finite number that would become infinite."""
    return InputError(f"{value} overflows {target}; choose a wider `dtype`")


def inexact(value: object, target: np.dtype[Any]) -> InputError:
    """Refuse a number that the target has not."""
    if target.kind == "f":
        return InputError(f"{value} is not exact in {target}; choose a wider `dtype`")
    return InputError(
        f"{value} is no whole number and does not fit {target}; "
        "choose a float `dtype` or `fit='clip'`"
    )


def not_a_number(target: np.dtype[Any]) -> DoesNotFit:
    """Refuse a NaN where integers are meant."""
    return DoesNotFit(f"NaN does not fit {target}; write a float format or use `nan='skip'`")


def outside_of(value: object, target: np.dtype[Any]) -> DoesNotFit:
    """Refuse a number outside of an integer target's range."""
    low, high = _ends(target)
    return DoesNotFit(
        f"{value} does not fit {target} ({low} to {high}); use `fit='clip'`, a wider `dtype` or "
        "another format"
    )


def _ends(dtype: np.dtype[Any]) -> tuple[int, int]:
    """The least and the most of an integer (or bool) dtype."""
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def convert(values: Array, out: Array, fit: str) -> None:
    """Write ``values`` to ``out`` of another dtype.

    ``fit`` is for integer (and bool) targets: ``exact`` wants whole numbers in range, ``round``
    rounds half to even and wants them in range, ``clip`` rounds and saturates; ``half-up`` rounds
    halves up, ``truncate`` goes towards 0, and both want numbers in range. A floating-point result
    rounds to a floating-point target as any arithmetic does, but may not overflow; a whole number
    must be one that the target holds exactly.

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
        lost, refused = np.isinf(out) & np.isfinite(values), overflowing
    else:
        lost, refused = _inexact(values, out), inexact
    if lost.any():
        raise refused(values[lost][0], out.dtype)


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
    low, high = _ends(target)
    if values.dtype.kind == "f":
        if np.isnan(values).any():
            raise not_a_number(target)
        whole = _ROUNDINGS.get(fit, np.rint)(values)
        if fit == "exact" and (whole != values).any():
            raise inexact(values[whole != values][0], target)
        least, most = (_within(end, source) for end in (low, high))
        values = whole
    else:
        least, most = low, high
    outside = (values < least) | (values > most)
    if outside.any():
        if fit != "clip":
            raise outside_of(values[outside][0], target)
        out[...] = np.where(outside, 0, values).astype(target)
        out[values > most] = high
        out[values < least] = low
    else:
        out[...] = values.astype(target)
