"""What is asked of pictures: how they are read, pooled, rendered and packed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from poolcli.dtypes import DoesNotFit, number_type
from poolcli.engine.arrays import Readable, Writable, read_whole, stored_output, write_whole
from poolcli.errors import InputError, OutputError, UsageError, labelled
from poolcli.formats.base import Source, SourceInfo
from poolcli.formats.settings import DEFAULT_PACKING, Packing, Reading
from poolcli.formats.sinks import Finished
from poolcli.formats.table import picture_support_of, row_of
from poolcli.operation import Operation, OperationPlan
from poolcli.ops import find_op
from poolcli.plan import Plan
from poolcli.windows import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from poolcli.formats.geotiff import GeoTags
    from poolcli.formats.metadata import Metadata, Place
    from poolcli.formats.tiff_stack import Stack
    from poolcli.images.render import Rendering

# Bytes for each number of a result, or for each pixel that has a key.
_OF_RENDERING, _OF_BLEND, _OF_KEY, _OF_SEEN = 24, 8, 16, 24

_GREYS = ("uint8", "uint16")


class ImageOptions(NamedTuple):
    """What is asked of pictures.

    linear: means are of light instead of its codes
    by: the channel, or luma, that decides which whole pixel is picked
    rendering: how results are to be seen; None where they are written as the numbers they are
    max_pixels: refuse larger pictures as possible decompression bombs; None: 178 956 970
    packing: how results are packed
    background: the colour, 0 to 255 each, that transparent results are put on; None: they stay so
    """

    linear: bool = False
    by: str | None = None
    rendering: Rendering | None = None
    max_pixels: int | None = None
    packing: Packing = DEFAULT_PACKING
    background: tuple[int, int, int] | None = None

    @property
    def pools_numbers(self) -> bool:
        """Whether nothing is asked of the pooling itself."""
        return not self.linear and self.by is None

    def reading(self, format: str | None, *, written: bool) -> Reading:
        """How pictures are read: CMYK stays CMYK where the result can be, and nothing needs RGB.

        ``format`` is the extension that results are ``written`` with, None that of each input.
        """
        as_it_is = self.rendering is None and self.pools_numbers
        pictures = picture_support_of(format)
        can_be = format is None or (pictures is not None and bool(pictures.cmyk))
        return Reading(max_pixels=self.max_pixels, cmyk=written and as_it_is and can_be)

    def go_by_boxes(self, plan: OperationPlan, source: Source) -> bool:
        """Whether an input need not be whole in memory, nor its result, as far as pooling goes.

        Raises InputError, one line that starts with the label, for one that cannot be read.
        """
        if self.by is not None or (plan.single is None and not plan.coarser):
            return False
        if source.info.row.pictures is None:
            return not self.linear
        if source.is_read_whole:
            return False
        if self.background is not None and _has_alpha(plan.layout, source):
            return False  # a result is put on it as a whole
        if plan.single is None:
            return True
        # What nobody sees is a matter of whole pictures, but where it only weighs nothing.
        return self._averages(plan.single, source) or not self._sees_through(plan.single, source)

    def _sees_through(self, plan: Plan, source: Source) -> bool:
        """Whether alpha matters: a value that means missing is looked for among values as such."""
        return plan.request.nodata is None and _has_alpha(plan.layout, source)

    def _averages(self, plan: Plan, source: Source) -> bool:
        """Whether results are means by alpha, or of light."""
        return self.linear or (_averages(plan) and self._sees_through(plan, source))

    def plan(
        self, operation: Operation, info: SourceInfo, layout: str | None, format: str | None
    ) -> OperationPlan:
        """Plan for an input whose result is written in ``format``, None where it is only shown.

        A picture can hold rounded values of the depth that the input had, or that was asked for.
        Raises OutputError where it cannot, and UsageError for a rendering that is no picture.
        """
        if format and picture_support_of(format) is None:
            self._check_is_picture(format)
        info = self._pooled_as(operation, info, layout, format)
        try:
            operation = self._ask(operation, info, format)
        except OutputError as error:
            raise OutputError(f"{info.label}: {error}") from error
        return operation.plan(info.shape, info.dtype, layout)

    def _check_is_picture(self, format: str) -> None:
        if self.rendering is not None:
            what = "`colormap`, `normalize` and `grid` make pictures"
        elif self.background is not None:
            what = "`background` is for pictures"
        else:
            return
        raise UsageError(f"{what}, and {format} is none; write .png")

    def _ask(self, operation: Operation, info: SourceInfo, format: str | None) -> Operation:
        if info.nodata is not None:
            if not self.pools_numbers:
                raise InputError(
                    f"{info.nodata} in it means missing, and is a value of one channel, which"
                    " `linear` and `by` change; leave them out"
                )
            operation = operation.with_nodata(info.nodata)
        if format is None or picture_support_of(format) is None or self.rendering is not None:
            if self.by is None or operation.dtype is not None:
                return operation
            return operation.with_results(info.dtype.newbyteorder("="), operation.fit)
        from poolcli.formats.limits import target_dtype  # late: few results are pictures

        fit = "clip" if operation.fit == "clip" else "round"
        dtype = operation.dtype or target_dtype(format, info.dtype)
        return operation.with_results(dtype, fit)

    def _pooled_as(
        self, operation: Operation, info: SourceInfo, layout: str | None, format: str | None
    ) -> SourceInfo:
        """Say as what a picture is pooled: one of one bit as grey, where its result is no such.

        Means of black and white are greys. Its white is then the largest number of the type.
        """
        pictures = picture_support_of(format) if self.rendering is None else None
        one_bit = info.row.pictures is not None and info.dtype == np.bool_
        if pictures is None or not one_bit or operation.nodata is not None:
            return info
        if operation.dtype is not None:
            wanted = number_type(operation.dtype).newbyteorder("=")
            grey = wanted.name if wanted.name in _GREYS else None
        else:
            bits = "bool" in pictures.dtypes_of(1)
            result = operation.plan(info.shape, info.dtype, layout).output_dtype
            grey = None if bits and result == np.bool_ else _GREYS[0]
        if grey is None or grey not in pictures.dtypes_of(1):
            return info
        return info._replace(dtype=np.dtype(grey))

    def bytes_beside(self, info: SourceInfo, plan: OperationPlan) -> int:
        """About how many bytes are in memory besides the input and its result, until it is made."""
        numbers: int = math.prod(plan.output_shape)
        if self.rendering is not None:
            return _OF_RENDERING * numbers
        if self.by is not None:
            return _OF_KEY * math.prod(info.shape) // max(1, info.shape[-1])
        alpha = info.row.pictures is not None and info.layout is not None
        alpha = alpha and info.shape[-1] in (2, 4)
        if self.linear or (alpha and plan.single is not None and _averages(plan.single)):
            return _OF_BLEND * numbers
        if alpha and self.background is not None:
            return _OF_SEEN * numbers + 4 * info.nbytes
        if alpha and plan.single is not None:
            # The picture in a wider type where some window has nothing to be seen.
            return _OF_SEEN * numbers + 4 * info.nbytes
        return 0

    def run(
        self,
        plan: OperationPlan,
        source: Source,
        out: Writable,
        progress: Callable[[float], None],
        format: str | None = None,
    ) -> None:
        """Pool an input as ``plan`` says into ``out``, to be written in ``format``.

        Raises InputError.
        """
        try:
            self._run(plan, source, out, progress)
        except DoesNotFit as error:
            if picture_support_of(format) is None:
                raise
            raise InputError(f"{error}, or scale it by `normalize='minmax'`") from error

    def _run(
        self,
        plan: OperationPlan,
        source: Source,
        out: Writable,
        progress: Callable[[float], None],
    ) -> None:
        if self.go_by_boxes(plan, source):
            content = _as_planned(plan, source, source.content)
            with labelled(source.label):
                self._run_by_boxes(plan, source, content, out, progress)
            return
        array = read_whole(_as_planned(plan, source, source.array))
        with labelled(source.label):
            if plan.single is None:
                plan.run_into(array, out)
                return
            if self.linear and source.info.row.pictures is None:
                raise InputError(
                    "`linear` is for pictures, whose values stand for light; this is none"
                )
            alpha = _has_alpha(plan.layout, source)
            write_whole(out, self.pool(plan.single, array, alpha=alpha))
            progress(1)

    def _run_by_boxes(
        self,
        plan: OperationPlan,
        source: Source,
        content: Readable,
        out: Writable,
        progress: Callable[[float], None],
    ) -> None:
        is_picture = source.info.row.pictures is not None
        if plan.single is None or not is_picture or not self._averages(plan.single, source):
            plan.run_into(content, out, progress=progress)
            return
        from poolcli.images.colour import pool_weighted_into

        assert not isinstance(content, np.ndarray)
        alpha = self._sees_through(plan.single, source)
        results = stored_output(out, plan.keepdims_shape)
        pool_weighted_into(
            plan.single, content, results, alpha=alpha, linear=self.linear, progress=progress
        )

    def pool(self, plan: Plan, array: NDArray[Any], *, alpha: bool) -> NDArray[Any]:
        """Pool the pixels of a picture; ``alpha``: its last channel says how opaque the others are.

        Raises InputError where the picture is not of the kind that was asked for.
        """
        if self.by is not None:
            from poolcli.images.whole_pixels import pick_whole

            return pick_whole(plan, array, self.by, alpha=alpha)
        # A value that means missing is looked for among the values as they are.
        alpha = alpha and plan.request.nodata is None
        weighted = alpha and find_op(plan.request.op).averages
        if alpha and not weighted:
            from poolcli.images.alpha import pool_visible

            return pool_visible(plan, array)
        if weighted or self.linear:
            from poolcli.images.colour import pool_weighted

            return pool_weighted(plan, array, alpha=weighted, linear=self.linear)
        return plan.run(array)

    def finish(
        self, array: NDArray[Any], plan: OperationPlan, source: Source, format: str, path: str
    ) -> Finished:
        """Give the result as it is to be written. Raises OutputError."""
        seen = self._rendered(array, plan.output_layout, source, format, path)
        if self.background is not None and self._ends_with_alpha(seen, source):
            from poolcli.images.alpha import put_on

            pixels, metadata = put_on(seen.array, self.background), seen.metadata
            metadata = None if metadata is None else metadata._replace(alpha=False)
            seen = seen._replace(array=pixels, metadata=metadata)
        if source.metadata is None:
            return seen
        # Planes that stand side by side lie nowhere.
        is_one = _plane(seen.array, seen.layout) == _plane(array, plan.output_layout)
        metadata, lost = self._placed(seen.metadata, plan, source, format, is_one=is_one)
        return seen._replace(metadata=metadata, lost=lost)

    def _ends_with_alpha(self, seen: Finished, source: Source) -> bool:
        """Whether the last channel of a result says how opaque the others are."""
        if self.rendering is None:
            return _has_alpha(str(seen.layout), source)
        return str(seen.layout)[-1:] == "C" and seen.array.shape[-1] in (2, 4)

    def said(
        self, plan: OperationPlan, source: Source, format: str
    ) -> tuple[Metadata | None, tuple[str, ...]]:
        """Give what is written of a result besides its numbers, and what is lost, in sentences."""
        metadata, lost = self._placed(source.metadata, plan, source, format, is_one=True)
        if plan.coarser and _has_alpha(plan.layout, source):
            lost += ("alpha is pooled like the other channels, and weighs none of them",)
        return metadata, lost

    def _placed(
        self,
        metadata: Metadata | None,
        plan: OperationPlan,
        source: Source,
        format: str,
        *,
        is_one: bool,
    ) -> tuple[Metadata | None, tuple[str, ...]]:
        """Say where the result lies; ``is_one``: its planes are those of the file, pooled."""
        pictures = picture_support_of(format)
        georeferenced = pictures is not None and pictures.georeferenced
        if metadata is not None and metadata.stack is not None:
            metadata = metadata._replace(stack=_stepped(metadata.stack, plan) if is_one else None)
        geo = None if source.metadata is None else source.metadata.geo
        if metadata is not None and metadata.place is not None:
            return _moved_place(metadata, metadata.place, plan, source, format)
        if geo is None:
            return metadata, ()
        if not georeferenced:
            lost, advice = geo.without_place().without_values().lost, "; .tif has a place for it"
            return metadata, _sentence(lost, advice)
        geo = _moved(geo, plan, source) if is_one else geo.without_place()
        geo = geo if self.rendering is None else geo.without_values()
        from poolcli.formats.metadata import Metadata  # late: few results are pictures

        return (metadata or Metadata())._replace(geo=geo), _sentence(geo.lost)

    def _rendered(
        self, array: NDArray[Any], layout: str, source: Source, format: str, path: str
    ) -> Finished:
        """Give the result as it is seen: as it is, or as it is to be rendered."""
        metadata, pictures = source.metadata, picture_support_of(format)
        if self.rendering is None or pictures is None:
            return Finished(array, layout, metadata)
        from poolcli.images.render import render

        alpha = _has_alpha(layout, source)
        has_alpha = pictures.has(4) or self.background is not None  # it is put on a colour then
        try:
            seen = render(
                array,
                layout,
                self.rendering,
                alpha=source.dtype if alpha else None,
                nan="transparent" if has_alpha else "colour" if pictures.has(3) else "black",
            )
        except OutputError as error:
            raise OutputError(f"{path}: {error}") from error
        if metadata is not None and seen[1] != layout:
            # Other colours: what describes the old ones is no longer true.
            metadata = metadata.without_colours()
        return Finished(*seen, metadata)


def _as_planned(plan: OperationPlan, source: Source, content: Readable) -> Readable:
    """Give the cells as they are, and a picture of one bit in the grey that ``plan`` is for."""
    if (
        source.info.row.pictures is None
        or content.dtype != np.bool_
        or plan.input_dtype == np.bool_
    ):
        return content
    from poolcli.images.one_bit import Grey  # late: few pictures have one bit

    return Grey(content, plan.input_dtype)


def _moved(geo: GeoTags, plan: OperationPlan, source: Source) -> GeoTags:
    """Say where on the earth the pixels of a result lie, and which value of them means missing."""
    given, grids = plan.nodata, plan.grids
    if given is not None and given != source.info.nodata:
        geo = geo._replace(nodata=str(int(given) if given == given // 1 else given))
    # Another layout may have other axes of the file for height and width.
    is_turned = any(plan.layout.find(axis) != str(source.layout).find(axis) for axis in "HW")
    if is_turned or not {"H", "W"} <= set(grids):
        return geo.without_place()
    return geo.on_grid(grids["H"], grids["W"])


def _moved_place(
    metadata: Metadata, place: Place, plan: OperationPlan, source: Source, format: str
) -> tuple[Metadata, tuple[str, ...]]:
    """Say where the cells of a result lie, where its format is the one that knows."""
    grids, layout = plan.grids, plan.layout
    has_grids = plan.output_layout == layout and set("DHW") & set(layout) <= set(grids)
    if row_of(format) is not source.info.row or not has_grids:
        return metadata._replace(place=None), _sentence((place.what,))
    axes = [grids.get(letter, Grid(0, 1)) for letter in layout]
    return metadata._replace(place=place.on_grids(axes)), ()


def _stepped(stack: Stack, plan: OperationPlan) -> Stack | None:
    """Say what OME or ImageJ say of a result; nothing of one whose axes are others."""
    if stack.layout != plan.output_layout or plan.layout != plan.output_layout:
        return None
    return stack.stepped({letter: float(grid.step) for letter, grid in plan.grids.items()})


def _plane(array: NDArray[Any], layout: str | None) -> list[int]:
    if not layout:
        return []  # what goes on as it is has no axes with names
    return [n for letter, n in zip(layout, array.shape, strict=True) if letter in "HW"]


def _sentence(lost: tuple[str, ...], advice: str = "") -> tuple[str, ...]:
    return (f"not in the result: {', '.join(lost)}{advice}",) if lost else ()


def _has_alpha(layout: str, source: Source) -> bool:
    """Whether the last channel is still the one that the file calls alpha."""
    metadata = source.metadata
    return metadata is not None and metadata.alpha and layout == source.layout


def _averages(plan: Plan) -> bool:
    return find_op(plan.request.op).averages
