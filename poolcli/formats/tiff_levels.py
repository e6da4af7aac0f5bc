"""TIFF files with overviews: a picture and smaller versions of it, in tiles.

All directories come first, then the pixels, those of the smallest version before: the order of
cloud-optimised GeoTIFF. A picture of one page is followed by the directories of its overviews, as
GDAL reads them; those of several pages have theirs below them (SubIFDs), as OME does it.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np

from poolcli.engine.arrays import Array, Box, StoredOutput
from poolcli.errors import OutputError
from poolcli.formats.description import NewArray
from poolcli.formats.geotiff import GeoTags
from poolcli.formats.guard import writing
from poolcli.formats.metadata import Metadata, Stored, add_metadata, plain_tags
from poolcli.formats.tiff_writer import TILE_STEP, UNNAMED, TiffOutput

_TILE = (512, 512)  # where the picture has none
_DESCRIPTION = 270  # a tag
_REDUCED = 1  # the subfile type of a smaller version of another page
# What GDAL calls its ways to make overviews, of which ops are the same.
_RESAMPLING: Mapping[str, str] = {"avg": "AVERAGE", "subsample": "NEAREST"}


class TiffLevelsOutput:
    """A new TIFF file with overviews that is written in boxes; by several threads at once.

    Raises OutputError for what a TIFF cannot hold.
    """

    def __init__(self, file: BinaryIO, new: NewArray) -> None:
        assert new.pyramid is not None
        self._file, self._label = file, new.label
        metadata = new.metadata or Metadata()
        stored = metadata.stored or Stored()
        metadata = metadata._replace(
            stored=stored._replace(tile=stored.tile or _TILE),
            alpha=metadata.alpha or metadata.stored is None,  # of two or four channels the last
        )
        name = _RESAMPLING.get(new.pyramid.op, new.pyramid.op.upper())
        below = _of_overviews(metadata, name)
        shapes = (new.shape, *(level.shape for level in new.pyramid.levels))
        self._outputs = [
            _Level(
                file,
                new._replace(
                    shape=shape,
                    box_shape=shape,
                    metadata=below if number else metadata,
                    pyramid=None,
                ),
                number,
            )
            for number, shape in enumerate(shapes)
        ]
        self.levels: Sequence[StoredOutput] = self._outputs
        first = self._outputs[0]
        if any(output.page_count != first.page_count for output in self._outputs):
            raise OutputError(
                "TIFF has overviews of its pages, so depth cannot be pooled: say `size='1x2x2'`, or"
                " write .ome.zarr"
            )
        self.shape, self.dtype, self.chunks = first.shape, first.dtype, first.chunks
        self._write_directories(new.nbytes)

    def write_box(self, box: Box, values: Array) -> None:
        """Store a box of the picture itself."""
        self.levels[0].write_box(box, values)

    def complete(self) -> None:
        """Write the pixels, and where each tile lies."""
        with writing(self._label):
            for output in reversed(self._outputs):
                output.copy_tiles()
            self._write_places()
            first = self._outputs[0]
            if not self._is_big and plain_tags(first.metadata) is None:
                # The first directory is then the last thing in the file.
                with first.readable() as readable:
                    add_metadata(readable, self._file, first.metadata)
            self._file.flush()

    def _write_directories(self, nbytes: int) -> None:
        import tifffile

        first, *others = self._outputs
        self._is_big = any(output.is_big for output in self._outputs) or 1.5 * nbytes > 2**32
        handle = tifffile.FileHandle(self._file, name=UNNAMED)
        with tifffile.TiffWriter(handle, bigtiff=self._is_big, byteorder=first.order) as writer:
            # Below each of several pages, or after the only one.
            below = {"subifds": len(others)} if first.page_count > 1 else {}
            for number in range(first.page_count):
                first.write_page(writer, number, **below)
                for output in others:
                    output.write_page(writer, number, subfiletype=_REDUCED)
        self._file.flush()

    def _write_places(self) -> None:
        first, *others = self._outputs
        with first.pages() as pages:
            found: list[list[Any]] = [[] for _ in self._outputs]
            if first.page_count == 1:
                found = [[page] for page in pages]
            else:
                for page in pages:
                    found[0].append(page)
                    for number, reduced in enumerate(page.pages or (), start=1):
                        found[number].append(reduced)
            tags = [
                output.place_tags(below)
                for output, below in zip([first, *others], found, strict=True)
            ]
        for output, some in zip(self._outputs, tags, strict=True):
            output.write_places(some)


class _Level(TiffOutput):
    """The picture, or one of its overviews: its tiles wait in a file of their own."""

    def __init__(self, file: BinaryIO, new: NewArray, number: int) -> None:
        self._number = number
        self._waiting_tiles = _beside(file)
        self._waiting_end = 0
        self._tile_lock = threading.Lock()
        super().__init__(file, new)

    @property
    def _is_contiguous(self) -> bool:
        return False

    def _cut(self, sides: tuple[int, int] | None) -> tuple[int, int]:
        rows, columns = super()._cut(sides)
        # Of one tile that is just the page tifffile wants the pixels at once.
        is_page = (rows, columns) == (self._sheet.height, self._sheet.width)
        return (rows + TILE_STEP if is_page else rows), columns

    @cached_property
    def _page_options(self) -> dict[str, Any]:
        options = super()._page_options
        tags = [] if self._number else plain_tags(self.metadata) or []
        known = {tag[0] for tag in options["extratags"]}
        own = [tag for tag in tags if tag[0] not in known]
        if "description" in options:
            own = [tag for tag in own if tag[0] != _DESCRIPTION]
        return {**options, "extratags": [*options["extratags"], *own], "software": False}

    def _write_directories(self) -> None:
        """They are written together with those of the other levels."""

    def _place(self, index: int, data: bytes) -> None:
        with self._tile_lock, writing(self._label):
            self._waiting_tiles.seek(self._waiting_end)
            self._waiting_tiles.write(data)
            self._places[index] = self._waiting_end, len(data)
            self._waiting_end += len(data)

    def copy_tiles(self) -> None:
        """Append the tiles to the file."""
        begin = self._file.seek(0, os.SEEK_END)
        begin = self._file.seek(begin + begin % 2)
        self._waiting_tiles.seek(0)
        shutil.copyfileobj(self._waiting_tiles, self._file, 1 << 20)
        self._waiting_tiles.close()
        self._places[:, 0] += np.uint64(begin)


def _beside(file: BinaryIO) -> BinaryIO:
    """A file without a name, where there is as much room as for the result."""
    if isinstance(file, io.BytesIO):
        return io.BytesIO()
    name = file.name if isinstance(getattr(file, "name", None), str) else None
    return tempfile.TemporaryFile(dir=None if name is None else os.path.dirname(name) or ".")


def _of_overviews(metadata: Metadata, resampling: str) -> Metadata:
    """What is said of an overview: how it was made, which value means missing, and its colours."""
    item = f'<Item name="RESAMPLING" sample="0">{resampling}</Item>'
    return Metadata(
        mode=metadata.mode,
        alpha=metadata.alpha,
        cmyk=metadata.cmyk,
        icc=metadata.icc,
        exif=metadata.exif,  # which has the byte order of all
        stored=metadata.stored,
        geo=GeoTags(
            metadata=f"<GDALMetadata>{item}</GDALMetadata>",
            nodata="" if metadata.geo is None else metadata.geo.nodata,
        ),
    )
