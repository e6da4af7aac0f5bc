"""What picture formats can hold, and what is refused because they cannot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from poolcli.errors import OutputError
from poolcli.formats.base import PictureSupport
from poolcli.formats.settings import Packing
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


def cannot_hold(
    pictures: PictureSupport, dtype: str, names: str, channels: int = 1, frames: int = 1
) -> str:
    """Say that a dtype does not go into these pictures, and every way out."""
    kind = "" if channels == 1 else f" with {channels} channels"
    ways = ""
    if "uint8" in pictures.every_dtype and dtype != "uint8":
        ways = "use `dtype='uint8'`, `fit='clip'` with it, or `normalize='minmax'`, or "
    return (
        f"{pictures.name}{kind} holds {names}, the result is {dtype}; "
        f"{ways}{other_formats(dtype, channels, frames)}"
    )


def other_formats(dtype: str, channels: int = 1, frames: int = 1) -> str:
    """Name the formats that hold such pictures, by the extensions to write.

    >>> other_formats("uint16", channels=3)
    'write .png, .tif, .ppm or .npy'
    """
    found: dict[str, str] = {}
    for row in TABLE:
        if row.pictures is not None and row.pictures.holds(dtype, channels, frames):
            found.setdefault(row.name, row.extensions[0])
    return f"write {', '.join(found.values())} or .npy" if found else "write .npy"


def ways_for_channels(
    pictures: PictureSupport, dtype: str, channels: int, frames: int, *, alpha: bool
) -> str:
    """Say every way out for channels that these pictures do not have; ``alpha``: one is that."""
    formats = other_formats(dtype, channels, frames)
    if alpha:
        return f"`background='white'` puts it on a colour, or {formats}"
    looks = "`grid` or `colormap`" if pictures.has(3) else "`grid`"
    return f"{looks} puts them side by side, or {formats}"


def listed(items: Iterable[object]) -> str:
    return ", ".join(map(str, items))
