"""ONNX: its defaults, its rules for windows and its nodes.

Sources: the definitions of MaxPool, AveragePool and LpPool (operator set 22), and what onnxruntime
1.31 does with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from poolcli.frameworks.defaults import Preset
from poolcli.frameworks.layers import Layer, Sequential, Steps, call
from poolcli.frameworks.rules import (
    CEIL_MODE,
    PADDED_MAX,
    READING,
    Axis,
    Case,
    Framework,
    explicit,
)
from poolcli.layout import CHANNELS_FIRST
from poolcli.windows import Windows

NAMES = {"max": "MaxPool", "avg": "AveragePool", "lp": "LpPool"}
# There is GlobalLpPool, too, but onnxruntime has none of this operator set.
GLOBAL = {"max": "GlobalMaxPool", "avg": "GlobalAveragePool"}


def write(model: Sequential) -> str:
    """The source of a list of nodes from ``x`` to ``y``, which takes channels first."""
    nodes: list[tuple[str, dict[str, Any]]] = []
    for layer in model.layers:
        nodes.append(_pool(layer))
        if not layer.keepdims:
            nodes.append(("Flatten", {"axis": 1}))
    names = ["x", *(f"y{number}" for number in range(1, len(nodes))), "y"]
    body = "".join(
        f"    {call('helper.make_node', op, [before], [after], **attributes)},\n"
        for (op, attributes), before, after in zip(nodes, names, names[1:], strict=False)
    )
    head = model.heading(model.batch_shape("NCDHW"))
    return f"{head}\nfrom onnx import helper\n\nnodes = [\n{body}]\n"


def _pool(layer: Layer) -> tuple[str, dict[str, Any]]:
    name = NAMES.get(layer.op)
    if name is None:
        raise layer.refusal(f"no node pools by {layer.op}")
    own = _own_attributes(layer)
    if layer.whole and layer.op in GLOBAL:
        return GLOBAL[layer.op], own
    steps = layer.steps
    if steps is None:
        raise layer.refusal("windows of uneven size or at uneven steps")
    if layer.divisor is not None:
        raise layer.refusal("it takes no divisor")
    if any(max(pair) >= k for *pair, k in zip(steps.before, steps.after, steps.size, strict=True)):
        raise layer.refusal("onnxruntime wants padding smaller than the kernel")
    return name, _attributes(layer, steps) | own


def _own_attributes(layer: Layer) -> dict[str, Any]:
    if layer.op != "lp":
        return {}
    norm = layer.params["norm"]
    if norm != norm // 1 or norm == float("inf") or (layer.params["signed"] and norm % 2):
        raise layer.refusal("the norm of its LpPool is a whole number, of absolute values")
    return {"p": int(norm)}


def _attributes(layer: Layer, steps: Steps) -> dict[str, Any]:
    """The attributes that are not what they are by default."""
    ones = (1,) * layer.axes
    attributes: dict[str, Any] = {"kernel_shape": list(steps.size)}
    if steps.stride != ones:
        attributes["strides"] = list(steps.stride)
    if steps.padded:
        attributes["pads"] = [*steps.before, *steps.after]
    if steps.dilation != ones:
        attributes["dilations"] = list(steps.dilation)
    if any(steps.overhang):
        attributes["ceil_mode"] = 1
    if layer.count_include_pad and steps.padded:
        attributes["count_include_pad"] = 1
    return attributes


def _refusals(op: str, axes: Sequence[Axis], _params: Mapping[str, Any]) -> Iterator[str]:
    for axis in axes:
        yield from _axis_refusals(op, axis)


def _axis_refusals(op: str, axis: Axis) -> Iterator[str]:
    if axis.padding == "center":
        yield "its auto_pad knows no 'center'"
    elif isinstance(axis.padding, str):
        if op == "max" and axis.dilation == 1 and _same_padding(axis) < 0:
            yield (
                f"onnxruntime's padding for SAME would be {_same_padding(axis)}, and its max "
                "pooling takes no negative padding"
            )
    elif max(axis.padding) >= axis.size:
        yield (
            f"onnxruntime allows padding smaller than the kernel, and {max(axis.padding)} is not "
            f"smaller than {axis.size}"
        )


def _resolve_axis(axis: Axis) -> Windows:
    if not isinstance(axis.padding, str):
        return explicit(axis, *axis.padding)
    total = _same_padding(axis)
    # Its halves are rounded towards zero, also where the padding is negative.
    before = int((total + 1) / 2) if axis.padding == "same-lower" else int(total / 2)
    return explicit(axis, before, total - before)


def _same_padding(axis: Axis) -> int:
    """The padding of SAME by onnxruntime: of the kernel without its dilation, even if negative."""
    return (math.ceil(axis.n / axis.stride) - 1) * axis.stride + axis.size - axis.n


def _dilated_same(case: Case) -> bool:
    words = isinstance(case.asked.padding, str) and case.asked.padding != "valid"
    return words and any(w.dilation > 1 for w in case.windows)


def _negative_same(case: Case) -> bool:
    return any(w.pad_before < 0 for w in case.windows)


FRAMEWORK = Framework(
    preset=Preset(CHANNELS_FIRST, unit_stride=True, index="tensor"),
    refusals=_refusals,
    resolve_axis=_resolve_axis,
    reasons=(
        *READING,
        (
            lambda c: c.asked.padding == "same-lower" and c.one_sided,
            "the odd cell of padding that SAME_LOWER needs goes before the input",
        ),
        (
            _dilated_same,
            "onnxruntime computes the padding of SAME for the kernel without its dilation",
        ),
        (
            _negative_same,
            "onnxruntime's padding for SAME is negative here, which moves the windows inwards",
        ),
        PADDED_MAX,
        (
            lambda c: c.op == "avg" and c.padded,
            "padding does not count in the mean (its count_include_pad is 0 by default)",
        ),
        *CEIL_MODE,
        (
            lambda c: c.op == "lp" and c.params.get("norm", 2) % 2 != 0,
            "it sums the absolute values' powers",
        ),
        (
            lambda c: c.has_nan and c.op == "max",
            "onnxruntime leaves NaN out or not by where in the window it stands; here it never "
            "does",
        ),
    ),
    write=write,
)
