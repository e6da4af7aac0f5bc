"""What HDF5, NetCDF and Zarr say of arrays by attributes, and what of it bears on pooling."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from poolcli.errors import InputError
from poolcli.formats.base import Source, in_memory
from poolcli.formats.description import NAMING_MISSING

if TYPE_CHECKING:
    from poolcli.windows import Grid

_PACKED = {"scale_factor": 1, "add_offset": 0}
_LONGEST = 1 << 16  # numbers or characters of an attribute that goes on


def plain(value: Any) -> Any:
    """Return an attribute in what JSON can hold; None for what is none of that.

    >>> plain(np.array([1, 2], "i2")), plain(np.bytes_(b"degrees")), plain(np.float32(0.5))
    ([1, 2], 'degrees', 0.5)
    """
    if isinstance(value, np.ndarray):
        if value.size > _LONGEST or value.dtype.kind not in "biufSUO":
            return None
        value = value.tolist()
    elif isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list):
        items = [plain(item) for item in value]
        return None if any(item is None for item in items) else items
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else None
    return value if isinstance(value, (bool, int, float)) else None


def missing_value(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> float | None:
    """Return the value that means missing; None where none is named, or no cell can have it.

    >>> missing_value({"_FillValue": [-9999]}, np.dtype("i2"))
    -9999
    >>> missing_value({"_FillValue": -9999}, np.dtype("u1"))
    """
    for name in NAMING_MISSING:
        for number in _numbers(attributes.get(name), dtype):
            return number
    return None


def notes(attributes: Mapping[str, Any], dtype: np.dtype[Any]) -> tuple[str, ...]:
    """Say what the attributes tell of values, and pooling does not heed."""
    told = []
    packed = [
        f"{name} {_short(attributes[name])}"
        for name, neutral in _PACKED.items()
        if name in attributes and attributes[name] not in (neutral, [neutral])
    ]
    if packed:
        told.append(f"values are pooled as they are stored, without {' and '.join(packed)}")
    named = {number for name in NAMING_MISSING for number in _numbers(attributes.get(name), dtype)}
    others = sorted(number for number in named if not math.isnan(number))
    taken = missing_value(attributes, dtype)
    others = [number for number in others if number != taken]
    if others:
        told.append(f"only {taken} means missing; {_short(others)} is pooled like any value")
    return tuple(told)


def for_result(
    attributes: Mapping[str, Any], nodata: float | None, dtype: np.dtype[Any]
) -> dict[str, Any]:
    """Return the attributes of a result of this dtype, in which ``nodata`` means missing."""
    kept = {name: value for name, value in attributes.items() if name not in NAMING_MISSING}
    if nodata is None:
        return kept
    return {**kept, NAMING_MISSING[0]: _stored(nodata, dtype)}


def placed(scale: Source, count: int, grid: Grid | None) -> Source | None:
    """Say where ``count`` results lie, in the middles of their windows; None where nobody can.

    Between the middles of two cells positions go on evenly.
    """
    if grid is None:
        return scale if scale.shape == (count,) else None
    try:
        cells = scale.array.astype(np.float64)
    except InputError:
        return None
    if not len(cells):
        return None
    middles = grid.origin + grid.step * (np.arange(count) + 0.5) - 0.5
    first = np.clip(np.floor(middles), 0, max(len(cells) - 2, 0)).astype(int)
    second = np.minimum(first + 1, len(cells) - 1)
    where = cells[first] + (middles - first) * (cells[second] - cells[first])
    dtype = scale.dtype if scale.dtype.kind == "f" else np.dtype(np.float64)
    info = scale.info._replace(shape=(count,), dtype=dtype)
    return in_memory(info, where.astype(dtype))


def _numbers(value: Any, dtype: np.dtype[Any]) -> list[float]:
    """The numbers of an attribute that cells of this dtype can have."""
    if isinstance(value, str):
        value = _unpacked(value) if dtype.kind == "f" else None
    found: list[float] = []
    for number in value if isinstance(value, list) else [value]:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                found.append(float(np.array(number, float).astype(dtype)))
        elif dtype.kind in "iu" and math.isfinite(number) and number == int(number):
            limits = np.iinfo(dtype)
            found += [int(number)] if limits.min <= number <= limits.max else []
    return found


def _unpacked(text: str) -> float | None:
    """As xarray stores it in Zarr, whose JSON has no NaN: eight bytes in base 64."""
    try:
        return float(struct.unpack("<d", base64.b64decode(text, validate=True))[0])
    except (binascii.Error, struct.error, ValueError):
        return None


def _stored(value: float, dtype: np.dtype[Any]) -> Any:
    if dtype.kind != "f":
        return int(value)
    return base64.standard_b64encode(struct.pack("<d", value)).decode("ascii")


def _short(value: Any) -> str:
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
