"""What is said of results besides their numbers: names of axes, attributes, where cells lie."""

from __future__ import annotations

from collections.abc import Mapping

from poolcli.formats.base import Source, SourceInfo
from poolcli.formats.description import Description, Overview, Pyramid, Spacing
from poolcli.formats.table import row_of
from poolcli.operation import OperationPlan


def of_result(source: Source, plan: OperationPlan) -> Description:
    """What is said of a result: what was said of its input, as far as it is true of both."""
    info, description = source.info, source.info.description
    names: tuple[str | None, ...] = ()
    if len(plan.layout) == len(description.names):
        kept = zip(plan.layout, description.names, strict=True)
        # Parts of several sizes that stand side by side are along no axis of the input.
        joined = set("DHW") - set(plan.grids) if plan.output_shape != info.shape else set()
        names = tuple(
            None if letter in joined else name
            for letter, name in kept
            if letter in plan.output_layout
        )
    elif plan.output_shape == info.shape:
        names = description.names
    names = names if len(names) == len(plan.output_shape) and any(names) else ()
    from poolcli.formats.attributes import for_result, placed  # late: few formats keep them

    said = for_result(description.attributes, plan.nodata, plan.output_dtype)
    scales = {
        str(name): placed(description.scales[str(name)], n, plan.grids.get(letter))
        for letter, name, n in zip(plan.output_layout, names, plan.output_shape, strict=False)
        if name in description.scales
    }
    known = {name: scale for name, scale in scales.items() if scale is not None}
    spacings = _spacings(source, plan) if plan.coarser else {}
    return description._replace(names=names, attributes=said, scales=known, spacings=spacings)


def _spacings(source: Source, plan: OperationPlan) -> Mapping[str, Spacing]:
    """Where the cells of an array lie, as its file says for the axes that are pooled."""
    if source.info.row.pictures is None or source.metadata is None:
        found = source.info.description.spacings
    else:
        metadata = source.metadata
        found = {} if metadata.geo is None else metadata.geo.spacings
        found = {**found, **({} if metadata.stack is None else metadata.stack.spacings)}
    return found if source.layout in (None, plan.layout) else {}


def pyramid_of(plan: OperationPlan) -> Pyramid | None:
    """What is said of the overviews that are planned; None where there are none."""
    if not plan.coarser:
        return None
    request = plan.coarser[0].request
    parameters = {
        "nan": request.nan,
        **({} if request.nodata is None else {"nodata": request.nodata}),
        **({} if not request.min_valid else {"min_valid": request.min_valid}),
        **request.op_params,
    }
    levels = (Overview(one.output_shape, one.grids) for one in plan.coarser)
    return Pyramid(request.op, parameters, tuple(levels))


def undescribed(info: SourceInfo, format: str | None) -> tuple[str, ...]:
    """Say what is told of an array that a result in this format has no place for."""
    lost, row = info.description.what, row_of(format)
    if not lost or row is None or row.describes:
        return ()
    return (f"not in the result: {' and '.join(lost)}; .zarr has a place for that",)
