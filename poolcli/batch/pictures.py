"""Pictures among the inputs and outputs: how they are read, pooled, made to look, and packed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli import formats
from poolcli.batch.outputs import STDOUT, Job
from poolcli.dtypes import number_type
from poolcli.errors import InputError, OutputError
from poolcli.formats.base import Described, Loaded
from poolcli.formats.image_writer import FORMATS
from poolcli.formats.metadata import Notes, PictureInput, PictureOutput
from poolcli.images.options import Treatment
from poolcli.operation import Operation, OperationPlan
from poolcli.ops import find_op
from poolcli.plan import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.formats.geotiff import GeoTags
    from poolcli.images.render import Look

_HOLD_INKS = (None, *(name for name, holds in FORMATS.items() if holds.inks))

# Bytes for each number of a result, or for each pixel that has a key.
_OF_LOOK, _OF_BLEND, _OF_KEY, _OF_SEEN = 24, 8, 16, 24

_GREYS = ("uint8", "uint16")


class Writable(NamedTuple):
    """A result as it is to be written."""

    array: NDArray[Any]
    layout: str
    notes: Notes | None
    lost: tuple[str, ...] = ()
    """What the input says and the result cannot, a sentence each."""


class Pictures(NamedTuple):
    """What is asked of pictures.

    ``look`` is None where results are written as the numbers they are.
    """

    treatment: Treatment = Treatment()
    look: Look | None = None
    max_pixels: int | None = None
    packing: PictureOutput = PictureOutput()

    def reading(self, job: Job) -> PictureInput:
        """How pictures are read: CMYK stays CMYK where the result can be, and nothing needs RGB."""
        written = job.output is not None and job.output != STDOUT
        as_it_is = self.look is None and self.treatment == Treatment()
        return PictureInput(self.max_pixels, written and as_it_is and job.format in _HOLD_INKS)

    def ask(self, operation: Operation, format: str | None, described: Described) -> Operation:
        """Ask for what a picture can hold: rounded values of the depth it had, or that was asked.

        Raises OutputError where it cannot be had.
        """
        if described.nodata is not None:
            if self.treatment != Treatment():
                raise InputError(
                    f"{described.nodata} in it means missing, and is a value of one channel, which"
                    " `linear` and `by` change; leave them out"
                )
            operation = operation.with_nodata(described.nodata)
        if format is None or format not in FORMATS or self.look is not None:
            if self.treatment.by is None or operation.dtype is not None:
                return operation
            return operation.with_results(described.dtype.newbyteorder("="), operation.fit)
        fit = "clip" if operation.fit == "clip" else "round"
        dtype = operation.dtype or formats.target_dtype(format, described.dtype)
        return operation.with_results(dtype, fit)

    def pooled_as(
        self, operation: Operation, format: str | None, described: Described, layout: str | None
    ) -> Described:
        """Say as what a picture is pooled: one of one bit as grey, where its result is no such.

        Means of black and white are greys. Its white is then the largest number of the type.
        """
        holds = FORMATS.get(format or "") if self.look is None else None
        one_bit = described.kind == "image" and described.dtype == np.bool_
        if holds is None or not one_bit or operation.nodata is not None:
            return described
        if operation.dtype is not None:
            wanted = number_type(operation.dtype).newbyteorder("=")
            grey = wanted.name if wanted.name in _GREYS else None
        else:
            bits = "bool" in holds.dtypes.get(1, holds.every)
            result = operation.plan(described.shape, described.dtype, layout).output_dtype
            grey = None if bits and result == np.bool_ else _GREYS[0]
        if grey is None or grey not in holds.dtypes.get(1, holds.every):
            return described
        return described._replace(dtype=np.dtype(grey))

    def as_planned(self, plan: OperationPlan, loaded: Loaded) -> Loaded:
        """Give the input in the type that ``plan`` is for, see :meth:`pooled_as`."""
        if loaded.kind != "image" or loaded.array.dtype != np.bool_:
            return loaded
        grey: np.dtype[Any] = plan.input_dtype
        if grey == np.bool_:
            return loaded
        return loaded._replace(content=loaded.array * grey.type(np.iinfo(grey).max))

    def are_concerned(self, loaded: Loaded | Described) -> bool:
        """Whether pooling the input is more than pooling its numbers."""
        return loaded.kind == "image" or self.treatment.by is not None or self.treatment.linear

    def bytes_beside(self, described: Described, plan: OperationPlan) -> int:
        """About how many bytes are in memory besides the input and its result, until it is made."""
        numbers: int = math.prod(plan.output_shape)
        if self.look is not None:
            return _OF_LOOK * numbers
        if self.treatment.by is not None:
            return _OF_KEY * math.prod(described.shape) // max(1, described.shape[-1])
        alpha = described.layout is not None and described.shape[-1] in (2, 4)
        if self.treatment.linear or (alpha and plan.single is not None and _blends(plan.single)):
            return _OF_BLEND * numbers
        if alpha and plan.single is not None:
            # The picture in a wider type where some window has nothing to be seen.
            return _OF_SEEN * numbers + 4 * described.nbytes
        return 0

    def pool(self, plan: Plan, loaded: Loaded, progress: Callable[[float], None]) -> NDArray[Any]:
        """Pool an input as ``plan`` says. Raises InputError."""
        if not self.are_concerned(loaded):
            return plan.run(loaded.content, progress=progress)
        if self.treatment.linear and loaded.kind != "image":
            raise InputError("`linear` is for pictures, whose values stand for light; this is none")
        pooled = self.treatment.run(plan, loaded.array, alpha=_has_alpha(plan.layout, loaded))
        progress(1)
        return pooled

    def writable(
        self, array: NDArray[Any], plan: Any, loaded: Loaded, format: str, path: str
    ) -> Writable:
        """Give the result as it is to be written. Raises OutputError."""
        seen = self._seen(array, plan.output_layout, loaded, format, path)
        geo = None if loaded.notes is None else loaded.notes.geo
        if geo is None:
            return seen
        holds = FORMATS.get(format)
        if holds is None or not holds.places:
            lost, advice = geo.without_place().without_values().lost, "; .tif has a place for it"
            return seen._replace(lost=_sentence(lost, advice))
        # Planes that stand side by side lie nowhere.
        is_one = _plane(seen.array, seen.layout) == _plane(array, plan.output_layout)
        geo = _moved(geo, plan, loaded) if is_one else geo.without_place()
        geo = geo if self.look is None else geo.without_values()
        notes = (seen.notes or Notes())._replace(geo=geo)
        return seen._replace(notes=notes, lost=_sentence(geo.lost))

    def _seen(
        self, array: NDArray[Any], layout: str, loaded: Loaded, format: str, path: str
    ) -> Writable:
        """Give the result as it is seen: as it is, or as the look says."""
        notes = loaded.notes
        if self.look is None or format == ".npz":
            return Writable(array, layout, notes)
        if format not in FORMATS:
            raise OutputError(
                f"{path}: `colormap`, `normalize` and `grid` make pictures, and {format} is none;"
                " say `format='png'`"
            )
        from poolcli.images.render import render

        alpha = _has_alpha(layout, loaded)
        holds = FORMATS[format]
        try:
            seen = render(
                array,
                layout,
                self.look,
                alpha=loaded.content.dtype if alpha else None,
                nan="transparent" if holds.has(4) else "colour" if holds.has(3) else "black",
            )
        except OutputError as error:
            raise OutputError(f"{path}: {error}") from error
        if notes is not None and seen[1] != layout:
            # Other colours: what describes the old ones is no longer true.
            notes = Notes(exif=notes.exif, xmp=notes.xmp, dpi=notes.dpi)
        return Writable(*seen, notes)


def _moved(geo: GeoTags, plan: Any, loaded: Loaded) -> GeoTags:
    """Say where on the earth the pixels of a result lie, and which value of them means missing."""
    given, grids = plan.nodata, plan.grids
    if given is not None and given != loaded.nodata:
        geo = geo._replace(nodata=str(int(given) if given == given // 1 else given))
    # Another layout may have other axes of the file for height and width.
    is_turned = any(plan.layout.find(axis) != str(loaded.layout).find(axis) for axis in "HW")
    if is_turned or not {"H", "W"} <= set(grids):
        return geo.without_place()
    return geo.on_grid(grids["H"], grids["W"])


def _plane(array: NDArray[Any], layout: str) -> list[int]:
    return [n for letter, n in zip(layout, array.shape, strict=True) if letter in "HW"]


def _sentence(lost: tuple[str, ...], advice: str = "") -> tuple[str, ...]:
    return (f"not in the result: {', '.join(lost)}{advice}",) if lost else ()


def _has_alpha(layout: str, loaded: Loaded) -> bool:
    """Whether the last channel is still the one that the file calls alpha."""
    return loaded.notes is not None and loaded.notes.alpha and layout == loaded.layout


def _blends(plan: Plan) -> bool:
    return find_op(plan.request.op).blends
