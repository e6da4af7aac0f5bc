"""What was asked of one input, in words and in JSON, for every kind of plan and of windows.

Kinds are told apart by the names of their classes: a run loads no module to report what it did not
do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from poolcli.presets import find_preset

Facts = dict[str, Any]


def words(plan: Any, times: str = "x") -> str:
    """Say the op and its windows as they were asked for: ``max 3x3 stride 2 padding 1``.

    ``times`` stands between the numbers of several axes.
    """
    kind = type(plan).__name__
    if kind == "UnpoolPlan":
        return " ".join(["unpool", *_unpool_words(plan, times), *_like(plan.request)])
    if kind == "PyramidPlan":
        levels = ",".join(_times(_outs(level), times, short=True) for level in plan.levels)
        return " ".join(["pyramid", *_request_words(plan.request.request, [f"levels {levels}"])])
    geometry = type(plan.request.geometry).__name__
    placed = _GEOMETRIES[geometry][0](plan, times)
    family = [] if geometry == "Sliding" else [geometry.lower()]
    return " ".join([*family, *_request_words(plan.request, placed)])


def facts(plan: Any) -> Facts:
    """Give a JSON record's ``op`` and ``windows``, whose numbers stand per spatial axis."""
    kind = type(plan).__name__
    if kind == "UnpoolPlan":
        return {"op": "unpool", "windows": {"kind": "unpool", **_unpool_facts(plan)}}
    if kind == "KeptPlan":
        return {"op": None, "windows": None}
    if kind == "PyramidPlan":
        levels = [list(_outs(level)) for level in plan.levels]
        return {"op": plan.request.request.op, "windows": {"kind": "pyramid", "levels": levels}}
    name = type(plan.request.geometry).__name__
    return {
        "op": plan.request.op,
        "windows": {"kind": name.lower(), **_GEOMETRIES[name][1](plan)},
    }


def index_convention(plan: Any) -> str:
    """Say what the winners' positions count."""
    asked: str | None = plan.request.index
    return asked or find_preset(plan.request.like).index


def per_axis(value: Any, axes: int) -> tuple[Any, ...]:
    """Return one entry per spatial axis for one value or a sequence of them."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes


def _request_words(request: Any, placed: list[str]) -> list[str]:
    said = [request.op, *placed]
    if request.count_include_pad:
        said.append("counting padding")
    elif request.count_include_pad is False and request.like is not None:
        said.append("not counting padding")
    if request.divisor is not None:
        said.append(f"divisor {_number(request.divisor)}")
    if request.nan != "propagate":
        said.append(f"nan {request.nan}")
    if request.nodata is not None:
        said.append(f"nodata {_number(request.nodata)}")
    if request.min_valid:
        said.append(f"min-valid {_number(request.min_valid)}")
    said += [f"{name} {value}" for name, value in request.params.items()]
    return said + _like(request)


def _like(request: Any) -> list[str]:
    return [] if request.like is None else [f"like {request.like}"]


def _number(value: float) -> str:
    """Write a number as people would: 4 for 4.0, but 1e+300 for that."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e16 else str(value)


def _times(values: Iterable[Any], times: str, short: bool = False) -> str:
    texts = [str(value) for value in values]
    return texts[0] if short and len(set(texts)) == 1 else times.join(texts)


def _outs(plan: Any) -> tuple[int, ...]:
    return tuple(axis.out for axis in plan.windows)


def _sizes(plan: Any) -> tuple[int, ...]:
    return tuple(axis.largest for axis in plan.windows)


def _strides(plan: Any) -> tuple[int, ...]:
    """The step of evenly spaced windows as it came to be, by a preset perhaps."""
    return tuple(axis.starts.step for axis in plan.windows)


def _sliding_words(plan: Any, times: str) -> list[str]:
    geometry, axes = plan.request.geometry, len(plan.windows)
    said = [_times(_sizes(plan), times), f"stride {_times(_strides(plan), times, short=True)}"]
    said += _padding(geometry.padding, axes, times)
    dilation = per_axis(geometry.dilation, axes)
    if any(step != 1 for step in dilation):
        said.append(f"dilation {_times(dilation, times, short=True)}")
    return [*said, "ceil"] if geometry.ceil_mode else said


def _padding(padding: Any, axes: int, times: str) -> list[str]:
    """Return ``["padding 1"]``, ``["padding 0:1,1:1"]``, ``["padding same"]`` or nothing."""
    if padding is None or padding == "valid":
        return []
    if isinstance(padding, str):
        return [f"padding {padding}"]
    sides = [per_axis(side, 2) for side in per_axis(padding, axes)]
    if not any(before or after for before, after in sides):
        return []
    if all(before == after for before, after in sides):
        return [f"padding {_times((before for before, _ in sides), times, short=True)}"]
    return ["padding " + ",".join(f"{before}:{after}" for before, after in sides)]


def _sliding_facts(plan: Any) -> Facts:
    geometry = plan.request.geometry
    return {
        "size": list(_sizes(plan)),
        "stride": list(_strides(plan)),
        "padding": [[axis.pad_before, axis.pad_after] for axis in plan.windows],
        "dilation": list(per_axis(geometry.dilation, len(plan.windows))),
        "ceil_mode": geometry.ceil_mode,
    }


def _fractional_words(plan: Any, times: str) -> list[str]:
    request = plan.request
    said = [f"to {_times(_outs(plan), times)}", f"size {_times(_sizes(plan), times, short=True)}"]
    # The seed of an op that draws is said with its parameters, and is the same.
    return said if "seed" in request.params else [*said, f"seed {request.geometry.seed}"]


def _fractional_facts(plan: Any) -> Facts:
    return {
        "output_size": list(_outs(plan)),
        "size": list(_sizes(plan)),
        "seed": plan.request.geometry.seed,
    }


def _unpool_words(plan: Any, times: str) -> list[str]:
    if plan.slides is None:
        return [f"to {_times(_unpooled(plan), times)}"]
    sizes, strides, paddings = plan.slides
    said = [_times(sizes, times), f"stride {_times(strides, times, short=True)}"]
    return said + _padding(paddings, len(sizes), times)


def _unpool_facts(plan: Any) -> Facts:
    if plan.slides is None:
        return {"output_size": list(_unpooled(plan))}
    sizes, strides, paddings = plan.slides
    return {
        "size": list(sizes),
        "stride": list(strides),
        "padding": [list(sides) for sides in paddings],
    }


def _unpooled(plan: Any) -> tuple[int, ...]:
    return tuple(plan.output_shape[axis] for axis in plan.axes.spatial)


# How each geometry is told: in words, and in JSON.
_GEOMETRIES: Mapping[str, tuple[Callable[[Any, str], list[str]], Callable[[Any], Facts]]] = {
    "Sliding": (_sliding_words, _sliding_facts),
    "Global": (lambda _plan, _times: [], lambda _plan: {}),
    "Adaptive": (
        lambda plan, times: [f"to {_times(_outs(plan), times)}"],
        lambda plan: {"output_size": list(_outs(plan))},
    ),
    "Fractional": (_fractional_words, _fractional_facts),
}
