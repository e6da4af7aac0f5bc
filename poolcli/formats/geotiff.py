"""GeoTIFF: where on the earth the pixels of a TIFF lie, and which value says that nothing is there.

The tags of OGC GeoTIFF 1.1 (19-008r4) and the two that GDAL has added are read from the first page
and written again for the pixels of a result, which lie on another grid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from poolcli.formats.description import Spacing
from poolcli.windows import Grid

_SCALE, _TIES, _MATRIX = 33550, 33922, 34264
_KEYS, _KEY_NUMBERS, _KEY_TEXTS = 34735, 34736, 34737
_METADATA, _NODATA = 42112, 42113
# What would have to be computed anew: rational polynomials, and matrices of Intergraph's own.
_FIXED = {50844: "RPC coefficients", 33920: "Intergraph matrix"}
_RASTER_TYPE, _IS_POINT = 1025, 2
_LINEAR_UNITS, _METRE = 3076, 9001
_WHITE_IS_ZERO, _PALETTE = 0, 3
# GDAL notes what the values of a band come to, which are others now.
_STATISTICS = re.compile(r'\s*<Item name="STATISTICS_[^"]*"[^>]*>[^<]*</Item>')
_PLACING = "place on the earth"


class GeoTags(NamedTuple):
    """The tags as they are written: empty where there are none.

    scale: model units per pixel along x, y and z
    ties: for each tie point column, row, level, and x, y, z of the model
    matrix: 4x4, row by row, from column, row, level, 1 to x, y, z, 1
    keys, numbers, texts: the directory of keys that name the coordinate system, and their values
    metadata: GDAL's XML; nodata: the value that means missing, in figures
    lost: what the file says besides, and cannot go on
    """

    scale: tuple[float, ...] = ()
    ties: tuple[float, ...] = ()
    matrix: tuple[float, ...] = ()
    keys: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    texts: str = ""
    metadata: str = ""
    nodata: str = ""
    lost: tuple[str, ...] = ()

    @property
    def is_georeferenced(self) -> bool:
        """Whether it says where the pixels lie."""
        return bool(self.ties or self.matrix or self.keys)

    @property
    def names_points(self) -> bool:
        """Whether raster coordinates are those of pixel centres rather than of corners."""
        entries = [self.keys[i : i + 4] for i in range(4, len(self.keys), 4)]
        return any(entry[0] == _RASTER_TYPE and entry[3] == _IS_POINT for entry in entries)

    @property
    def spacings(self) -> dict[str, Spacing]:
        """How large pixels are, by axis letter: without the place, as rows go against northing."""
        if len(self.scale) < 2 or not all(size > 0 for size in self.scale[:2]):
            return {}
        entries = {self.keys[i]: self.keys[i + 3] for i in range(4, len(self.keys) - 3, 4)}
        unit = "meter" if entries.get(_LINEAR_UNITS) == _METRE else None
        x, y = self.scale[:2]
        return {"H": Spacing(y, unit=unit), "W": Spacing(x, unit=unit)}

    def missing(self, dtype: np.dtype[Any]) -> float | None:
        """Give the value that means missing; None where no cell of this dtype can have it.

        >>> GeoTags(nodata="255").missing(np.dtype("u1"))
        255
        >>> GeoTags(nodata="-9999").missing(np.dtype("u1"))
        """
        number = _number(self.nodata)
        if number is None or dtype.kind == "f":
            return number
        low, high = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        if not math.isfinite(number) or number != int(number) or not low <= number <= high:
            return None
        return int(number)

    def on_grid(self, rows: Grid, columns: Grid) -> GeoTags:
        """Give the tags of pixels that lie on a grid over the pixels that these tags are for."""
        (top, height), (left, width) = rows, columns
        if self.names_points:
            top, left = top + (height - 1) / 2, left + (width - 1) / 2
        ties = np.reshape(self.ties, (-1, 6))
        ties = (ties - [left, top, 0, 0, 0, 0]) / [width, height, 1, 1, 1, 1]
        step = np.diag([width, height, 1.0, 1.0])
        step[:2, 3] = left, top
        return self._replace(
            scale=tuple(a * b for a, b in zip(self.scale, (width, height, 1), strict=False)),
            ties=tuple(ties.ravel().tolist()),
            matrix=tuple((np.reshape(self.matrix, (-1, 4)) @ step).ravel().tolist()),
        )

    def without_place(self) -> GeoTags:
        """Give what is left where the pixels no longer lie on a grid over those of the file."""
        lost = (*self.lost, *([_PLACING] if self.is_georeferenced else []))
        return GeoTags(metadata=self.metadata, nodata=self.nodata, lost=lost)

    def without_values(self) -> GeoTags:
        """Give what is left where the pixels have colours in the place of values."""
        lost = [
            name for name, text in (("nodata", self.nodata), ("metadata", self.metadata)) if text
        ]
        return self._replace(nodata="", metadata="", lost=(*self.lost, *lost))

    def extra_tags(self) -> list[tuple[int, str, int, Any, bool]]:
        """Give the tags for tifffile: code, type, count, value, and that every page has them."""
        metadata = _STATISTICS.sub("", self.metadata)
        tags = [
            *((_SCALE, "d", self.scale), (_TIES, "d", self.ties), (_MATRIX, "d", self.matrix)),
            *((_KEYS, "H", self.keys), (_KEY_NUMBERS, "d", self.numbers)),
            *(
                (_KEY_TEXTS, "s", self.texts),
                (_METADATA, "s", metadata),
                (_NODATA, "s", self.nodata),
            ),
        ]
        return [
            (code, kind, 0 if kind == "s" else len(value), value, False)
            for code, kind, value in tags
            if value
        ]


def geo_of(pages: Sequence[Any]) -> GeoTags | None:
    """Return the tags that the pages have in common; None where there are none."""
    tags = _tags_of(pages[0])
    if any(_tags_of(page) != tags for page in pages[1:]):
        return GeoTags(lost=(f"{_PLACING}, which differs from page to page",))
    return tags if any(tags) else None


def _tags_of(page: Any) -> GeoTags:
    lost = [name for code, name in _FIXED.items() if code in page.tags]
    scale, ties = _reals(page, _SCALE), _reals(page, _TIES)
    matrix, keys = _reals(page, _MATRIX), _values(page, _KEYS)
    sound = (
        len(scale) in (0, 3)
        and len(ties) % 6 == 0
        and len(matrix) in (0, 16)
        and len(keys) % 4 == 0
        and all(isinstance(key, int) for key in keys)
    )
    tags = GeoTags(
        scale=scale,
        ties=ties,
        matrix=matrix,
        keys=keys,
        numbers=_reals(page, _KEY_NUMBERS),
        texts=_text(page, _KEY_TEXTS),
        metadata=_text(page, _METADATA),
        nodata=_text(page, _NODATA).strip(),
        lost=tuple(lost),
    )
    if page.photometric == _PALETTE and tags.nodata:
        # It is a place in the palette, of which the colours are pooled.
        tags = tags._replace(nodata="", lost=(*tags.lost, f"nodata {tags.nodata} of a palette"))
    elif page.photometric == _WHITE_IS_ZERO and page.dtype is not None:
        tags = tags._replace(nodata=_turned(tags.nodata, page.dtype))
    turned = page.tags.valueof(274, 1) != 1  # the orientation, after which the pixels are turned
    return tags if sound and not turned else tags.without_place()


def _values(page: Any, code: int) -> tuple[Any, ...]:
    value = page.tags.valueof(code)
    if value is None or isinstance(value, (str, bytes)):
        return ()
    return tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else (value,)


def _reals(page: Any, code: int) -> tuple[float, ...]:
    values = _values(page, code)
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()


def _text(page: Any, code: int) -> str:
    """Return a text; tags are ASCII, and what is none is passed over."""
    value = page.tags.valueof(code)
    return value if isinstance(value, str) and value.isascii() else ""


def _number(text: str) -> float | None:
    """Read a number as it stands: whole ones may have more figures than a float."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _turned(nodata: str, dtype: np.dtype[Any]) -> str:
    """Return what becomes of a value where white is zero: pixels are read the other way round."""
    number = _number(nodata)
    if number is None or dtype.kind not in "bu" or number != int(number):
        return nodata
    return str((1 if dtype.kind == "b" else int(np.iinfo(dtype).max)) - int(number))
