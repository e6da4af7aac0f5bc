"""What is said of results besides their numbers: names of axes, attributes, where cells lie."""

from __future__ import annotations

from poolcli.formats.base import Description, SourceInfo
from poolcli.formats.table import BY_EXTENSION
from poolcli.operation import OperationPlan


def of_result(info: SourceInfo, plan: OperationPlan) -> Description:
    """What is said of a result: what was said of its input, as far as it is true of both."""
    description = info.description
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
    return description._replace(names=names, attributes=said, scales=known)


def undescribed(info: SourceInfo, format: str | None) -> tuple[str, ...]:
    """Say what is told of an array that a result in this format has no place for."""
    lost, row = info.description.what, BY_EXTENSION.get(format or "")
    if not lost or row is None or row.describes:
        return ()
    return (f"not in the result: {' and '.join(lost)}; .zarr has a place for that",)
