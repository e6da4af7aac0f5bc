"""Pictures among the inputs and outputs: how they are read, pooled, made to look, and packed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from poolcli import formats
from poolcli.batch.outputs import STDOUT, Job
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

    from poolcli.images.render import Look

_HOLD_INKS = (None, *(name for name, holds in FORMATS.items() if holds.inks))

# Bytes for each number of a result, or for each pixel that has a key.
_OF_LOOK, _OF_BLEND, _OF_KEY = 24, 8, 16


class Writable(NamedTuple):
    """A result as it is to be written."""

    array: NDArray[Any]
    layout: str
    notes: Notes | None


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
        if format is None or format not in FORMATS or self.look is not None:
            if self.treatment.by is None or operation.dtype is not None:
                return operation
            return operation.with_results(described.dtype.newbyteorder("="), operation.fit)
        fit = "clip" if operation.fit == "clip" else "round"
        dtype = operation.dtype or formats.target_dtype(format, described.dtype)
        return operation.with_results(dtype, fit)

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
        return 0

    def pool(self, plan: Plan, loaded: Loaded, progress: Callable[[float], None]) -> NDArray[Any]:
        """Pool an input as ``plan`` says. Raises InputError."""
        if not self.are_concerned(loaded):
            return plan.run(loaded.content, progress=progress)
        if self.treatment.linear and loaded.kind != "image":
            raise InputError("--linear is for pictures, whose values stand for light; this is none")
        pooled = self.treatment.run(plan, loaded.array, alpha=_has_alpha(plan.layout, loaded))
        progress(1)
        return pooled

    def writable(
        self, array: NDArray[Any], layout: str, loaded: Loaded, format: str, path: str
    ) -> Writable:
        """Give the result as it is to be written. Raises OutputError."""
        notes = loaded.notes
        if self.look is None:
            return Writable(array, layout, notes)
        if format not in FORMATS:
            raise OutputError(
                f"{path}: --colormap, --normalize and --grid make pictures, and {format} is none;"
                " say --format png"
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


def _has_alpha(layout: str, loaded: Loaded) -> bool:
    """Whether the last channel is still the one that the file calls alpha."""
    return loaded.notes is not None and loaded.notes.alpha and layout == loaded.layout


def _blends(plan: Plan) -> bool:
    return find_op(plan.request.op).blends
