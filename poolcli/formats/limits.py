"""What picture formats can hold, and what is refused because they cannot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from poolcli.errors import OutputError
from poolcli.formats.base import Packing, PictureSupport
from poolcli.formats.table import TABLE, picture_support_of


def target_dtype(extension: str, source: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the dtype that a result of a ``source`` array must have in this kind of file.

    None stands for any (.npy, .npz and text hold all). Pictures keep bool, uint8, uint16 (and in
    TIFF every number) where the format holds them; other whole numbers must fit uint8. Raises
    ``OutputError`` where values would have to be scaled or cut first.

    >>> target_dtype(".png", np.dtype(">u2"))
    dtype('uint16')
    """
    pictures = picture_support_of(extension)
    if pictures is None:
        return None
    names = pictures.every_dtype
    if source.name in names:
        return np.dtype(source.name)
    if source.kind in "iu" and source.name != "uint16" and "uint8" in names:
        return np.dtype(np.uint8)
    raise OutputError(cannot_hold(pictures, source.name, listed(sorted(names))), code="not_held")


def meaningless(extension: str, packing: Packing) -> str | None:
    """Say which of the wishes in ``packing`` mean nothing here; None where all is well.

    >>> meaningless(".png", Packing(quality=80))
    'PNG loses nothing and has no quality; leave `quality` out, or write .jpg or .webp'
    """
    pictures = picture_support_of(extension)
    name = extension.removeprefix(".") if pictures is None else pictures.name
    if packing.quality is not None:
        if pictures is None or not pictures.quality:
            return (
                f"{name} loses nothing and has no quality; leave `quality` out, or write"
                " .jpg or .webp"
            )
        if not 1 <= packing.quality <= 100:
            return f"`quality` {packing.quality}: must be from 1 to 100"
    if packing.compression is not None:
        known = () if pictures is None else pictures.compressions
        if not known:
            return f"{name} has no `compression` to choose; {', '.join(_compressions())}"
        if packing.compression not in known:
            return f"`compression` {packing.compression}: {name} has {listed(known)}"
    return None


def _compressions() -> Iterable[str]:
    """Say which formats have which compressions, those with levels first."""
    ways_by_format: list[tuple[bool, str]] = []
    for row in TABLE:
        known = () if row.pictures is None else row.pictures.compressions
        if known:
            levels = known[0].isdigit()
            ways = f"{known[0]} to {known[-1]}" if levels else " or ".join(known)
            ways_by_format.append(
                (not levels, f"{row.extensions[0]} {'has ' if not ways_by_format else ''}{ways}")
            )
    return [text for _, text in sorted(ways_by_format, key=lambda one: one[0])]


def cannot_hold(pictures: PictureSupport, dtype: str, names: str, channels: int = 1) -> str:
    kind = "" if channels == 1 else f" with {channels} channels"
    other = ".npy" if pictures.every else ".tif or .npy"
    advice = (
        f"write {other}, or say `normalize` or `dtype`" if "float" in dtype else f"write {other}"
    )
    return f"{pictures.name}{kind} holds {names}, the result is {dtype}; {advice}"


def advice_for(channels: int) -> str:
    return "write .png" if channels in (1, 2, 3, 4) else "write .tif or .npy"


def listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
