"""NIfTI volumes, read and written by nibabel."""

from __future__ import annotations

import gzip
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import nibabel
import numpy as np

from poolcli.errors import InputError, OutputError
from poolcli.formats.base import Decoded, OpenFile, Source, SourceInfo
from poolcli.formats.guard import check_memory, reading
from poolcli.formats.metadata import Metadata
from poolcli.windows import Grid

# Axes as the file has them: x, y, z, time, and what there is of each cell.
LAYOUTS = {1: "W", 2: "HW", 3: "DHW", 4: "DHWN", 5: "DHWNC"}
IMAGES = {348: nibabel.Nifti1Image, 540: nibabel.Nifti2Image}
GZIP = b"\x1f\x8b"


class Affine(NamedTuple):
    """Where the cells of a volume lie: its header, whose affine is from their numbers to space."""

    header: Any
    what: str = "the affine"

    def on_grids(self, axes: Sequence[Grid]) -> Affine:
        """Give that of cells that lie on grids over these, one for each axis of the array."""
        step = np.eye(4)
        for axis, grid in enumerate(axes[:3]):
            # A grid counts from where cells begin, an affine from their middles.
            step[axis, axis], step[axis, 3] = grid.step, grid.origin + (grid.step - 1) / 2
        header = self.header.copy()
        codes = int(header["sform_code"]), int(header["qform_code"])
        affine = header.get_best_affine() @ step
        header.set_sform(affine, codes[0])
        header.set_qform(affine, codes[1], strip_shears=True)
        return self._replace(header=header)


class NiftiFile(OpenFile):
    """A file whose header tells all; its values are read when they are wanted."""

    def sources(self) -> Iterator[Source]:
        """Give its array."""
        label, row, settings = self.opened.label, self.opened.format, self.opened.reading
        with reading(label):
            is_packed = self._is_packed()
            image = self._image(is_packed)
            header, shape = image.header, tuple(map(int, image.shape))
            if len(shape) not in LAYOUTS:
                raise InputError(f"it has {len(shape)} axes, and 1 to 5 are read")
            stored = header.get_data_dtype()
            if stored.kind not in "iuf":
                raise InputError(f"its cells are {stored}, and numbers are read")
            is_scaled = (image.dataobj.slope, image.dataobj.inter) != (1, 0)
            dtype = np.dtype(np.float64) if is_scaled else stored
            offset = int(image.dataobj.offset)
            need = offset + math.prod(shape) * stored.itemsize
            if not is_packed and need > self.opened.nbytes:
                raise InputError(f"its header needs {need} bytes, it has {self.opened.nbytes}")
        layout = LAYOUTS[len(shape)]
        info = SourceInfo(label, shape, dtype, row, row.extensions[0], layout)

        def load() -> Decoded:
            check_memory(info.nbytes, settings.max_bytes)
            array = np.asanyarray(image.dataobj)
            return Decoded(np.asarray(array, dtype), Metadata(place=Affine(header)))

        yield Source(info, load, chunks=shape)

    def _is_packed(self) -> bool:
        file = self.opened.file
        file.seek(0)
        return file.read(len(GZIP)) == GZIP

    def _image(self, is_packed: bool) -> Any:
        file: Any = self.opened.file
        file.seek(0)
        if is_packed:
            # Nobody else reads the file below from now on: it would stand elsewhere.
            file = gzip.GzipFile(fileobj=file)
        size = file.read(4)
        kind = IMAGES.get(int.from_bytes(size, "little")) or IMAGES.get(int.from_bytes(size, "big"))
        if kind is None:
            raise InputError("its header is of no version of NIfTI")
        file.seek(0)
        return kind.from_stream(file)


def encode(
    array: np.ndarray, _extension: str, layout: str | None, metadata: Metadata | None, _packing: Any
) -> Iterator[bytes]:
    """Return the bytes of a file, of the version that the input had."""
    if array.ndim not in LAYOUTS or (layout is not None and layout != LAYOUTS[array.ndim]):
        known = ", ".join(LAYOUTS.values())
        raise OutputError(f"NIfTI has axes {known}, and not {layout or f'{array.ndim} of them'}")
    place = None if metadata is None else metadata.place
    header = place.header.copy() if isinstance(place, Affine) else None
    kind = nibabel.Nifti2Image if isinstance(header, nibabel.Nifti2Header) else nibabel.Nifti1Image
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8 or array.dtype == np.float16:
        raise OutputError(f"NIfTI holds no {array.dtype}; say `dtype='float32'` or `dtype='uint8'`")
    affine = np.eye(4) if header is None else header.get_best_affine()
    if header is not None:
        header.set_slope_inter(1, 0)
    image = kind(array.astype(array.dtype.newbyteorder("=")), None, header, dtype=array.dtype)
    if header is None:
        image.header.set_sform(affine, "scanner")
        image.header.set_qform(affine, "scanner")
    return iter([image.to_bytes()])
