"""One window under each framework's rules: what comes out, and which cells differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from poolcli.errors import InputError, UsageError
from poolcli.frameworks.rules import Case, Framework, RuledSliding, axes_of
from poolcli.frameworks.table import OPS, ROWS, Row
from poolcli.geometry import Sliding
from poolcli.layout import find_layout
from poolcli.ops import find_op
from poolcli.request import Request


@dataclass(frozen=True)
class Comparison:
    """What one framework makes of it.

    Either ``refused`` says why there is nothing, or ``values`` is the result and ``differs`` marks
    the cells in which most frameworks with a result of this shape have another value (where there
    is no majority, all that are not alike). ``why`` says which rules of its own came into play.
    """

    framework: str
    layout: str
    input_shape: tuple[int, ...]
    values: NDArray[Any] | None = None
    differs: NDArray[np.bool_] | None = None
    refused: str | None = None
    why: tuple[str, ...] = ()


def compare(
    x: ArrayLike,
    op: str,
    windows: Sliding,
    *,
    layout: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> list[Comparison]:
    """Pool ``x`` with the same window under the rules of each framework.

    Parameters
    ----------
    x : array of bool, integers or floats
    op : max, avg or lp
    windows : what is None or not said is up to each framework
    layout : of ``x``; by default each framework reads it in its own
    params : parameters of the op, such as the norm

    Raises UsageError or InputError for windows that mean nothing under any rules.

    >>> from poolcli.geometry import Sliding
    >>> [c.values.shape for c in compare(np.ones((4, 4)), "max", Sliding(2))]
    [(2, 2), (2, 2), (3, 3)]
    """
    array = np.asarray(x)
    name = find_op(op).name
    if name not in OPS:
        raise UsageError(f"op {op!r}: frameworks can be compared in {', '.join(OPS)}")
    if array.dtype.kind not in "biuf":
        raise InputError(f"dtype {array.dtype} cannot be pooled; bool, integers and floats can")
    found = [_compared(array, name, windows, layout, params or {}, row) for row in ROWS]
    return _marked(found)


def alike(comparisons: Sequence[Comparison]) -> list[list[Comparison]]:
    """Put those together whose results are the same in every cell; those refused have none."""
    groups: list[list[Comparison]] = []
    for comparison in comparisons:
        if comparison.values is None:
            continue
        for group in groups:
            if is_comparable(group[0], comparison) and cells_apart(group[0], comparison).size == 0:
                group.append(comparison)
                break
        else:
            groups.append([comparison])
    return groups


def cells_apart(a: Comparison, b: Comparison) -> NDArray[np.intp]:
    """Give where two results of one shape and layout are not the same, a row for each cell."""
    return np.argwhere(~_equal(np.asarray(a.values), np.asarray(b.values)))


def verdict(comparisons: Sequence[Comparison]) -> str:
    """Say in one sentence whether the frameworks agree, and who does not.

    >>> verdict(compare(np.ones((4, 4)), "max", Sliding(2, 2)))
    'torch = keras = onnx in all 4 cells'
    """
    groups = alike(comparisons)
    most = max(groups, key=len, default=[])
    said = [_together(most)] if len(most) > 1 else []
    said += [_apart(group, most[0]) for group in groups if group is not most]
    if len(groups) == len(most) == 1:
        said.append(f"only {most[0].framework} pools it")
    refused = [one for one in comparisons if one.refused is not None]
    return "; ".join([*said, *(f"{one.framework} refuses: {one.refused}" for one in refused)])


def _names(group: Sequence[Comparison]) -> str:
    return " = ".join(one.framework for one in group)


def _together(group: Sequence[Comparison]) -> str:
    values = np.asarray(group[0].values)
    where = "their one cell" if values.size == 1 else f"all {values.size:,} cells"
    return f"{_names(group)} in {where}"


def _apart(group: Sequence[Comparison], other: Comparison) -> str:
    """Say how the results of a group are not those of another."""
    one, plural = group[0], len(group) > 1
    if one.layout != other.layout:
        reads = "read" if plural else "reads"
        return f"{_names(group)} {reads} {one.layout}, and {other.framework} {other.layout}"
    values, others = np.asarray(one.values), np.asarray(other.values)
    if values.shape != others.shape:
        mine, theirs = ("x".join(map(str, result.shape)) for result in (values, others))
        gives = "give" if plural else "gives"
        return f"{_names(group)} {gives} {mine}, and {other.framework} {theirs}"
    count = len(cells_apart(one, other))
    differs = "differ" if plural else "differs"
    return f"{_names(group)} {differs} from {other.framework} in {count:,} of {values.size:,} cells"


def _compared(
    x: NDArray[Any],
    op: str,
    windows: Sliding,
    layout: str | None,
    params: Mapping[str, Any],
    row: Row,
) -> Comparison:
    framework = row.load()
    axes = find_layout(layout, x.shape, framework.preset.layouts)
    empty = Comparison(row.name, axes.letters, x.shape)
    wanted = axes_of(windows, axes.spatial_names, [x.shape[axis] for axis in axes.spatial])
    if op not in row.ops:
        return replace(empty, refused=f"it has no {op} pooling")
    for reason in framework.refusals(op, wanted, params):
        return replace(empty, refused=reason)
    geometry = RuledSliding(**vars(windows), resolve_axis=framework.resolve_axis)
    request = Request(
        op,
        geometry,
        layout=axes.letters,
        like=row.name,
        nan="skip" if op in framework.leaves_nan_out else "propagate",
        params=params,
    )
    try:
        plan = request.plan_part(geometry, x.shape, x.dtype)
    except InputError as error:
        return replace(empty, refused=str(error))
    case = Case(
        op=op,
        asked=windows,
        params=params,
        windows=plan.windows,
        input_shape=plan.input_shape,
        layout=plan.layout,
        preset=framework.preset,
        own_layout=layout is None,
        has_nan=_has_nan(x),
    )
    values = framework.finish(case, plan.run(x))
    return replace(empty, values=values, why=tuple(_reasons(framework, case)))


def _reasons(framework: Framework, case: Case) -> Iterator[str]:
    """Say what the framework did that another might not."""
    for applies, sentence in framework.reasons:
        if applies(case):
            yield sentence(case) if callable(sentence) else sentence


def _has_nan(x: NDArray[Any]) -> bool:
    return x.dtype.kind == "f" and bool(np.isnan(x).any())


def _marked(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons with the cells marked that differ, and a word on shapes that no other has."""
    marked = []
    answers = [v for v in comparisons if v.values is not None]
    for comparison in comparisons:
        if comparison.values is None:
            marked.append(comparison)
            continue
        alike = [v for v in answers if is_comparable(v, comparison)]
        same = np.stack(
            [_equal(v.values, comparison.values) for v in alike if v.values is not None]
        )
        differs = ~same.all(axis=0) & (2 * same.sum(axis=0) <= len(alike))
        why = comparison.why
        if len(alike) == 1 and len(answers) > 1:
            why = (*why, "no other framework gives this shape")
        marked.append(replace(comparison, differs=differs, why=why))
    return marked


def is_comparable(a: Comparison, b: Comparison) -> bool:
    """Whether two results have one shape and layout."""
    if a.values is None or b.values is None:
        return False
    return a.values.shape == b.values.shape and a.layout == b.layout


def _equal(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(np.isclose(a, b, rtol=1e-6, atol=0, equal_nan=True))
